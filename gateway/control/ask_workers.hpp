// Asks every worker for its part of a page, and answers with all of them put together.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/operate/admin_answer.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

using worker_list = std::vector<std::unique_ptr<worker>>;

inline json_answer answer_of(const nlohmann::json& page) {
  // Whatever a name may hold: a page with a strange letter in it is better than none.
  return {boost::beast::http::status::ok,
          page.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

// One worker's part of a page. No page is worth the worker: if it cannot be made, the page fails.
template <class Result>
struct page_part {
  template <class Work>
  void attempt(Work work) noexcept {
    if (failed != nullptr) return;
    try {
      work(found);
    } catch (...) {
      failed = std::current_exception();
    }
  }

  Result found{};
  std::exception_ptr failed;
};

template <class Result>
std::vector<Result> whole_of(std::vector<page_part<Result>>& parts) {
  std::vector<Result> all;
  for (auto& part : parts) {
    if (part.failed != nullptr) std::rethrow_exception(part.failed);
    all.push_back(std::move(part.found));
  }
  return all;
}

// Calls `ask(number of the worker, its part, finished)` for every worker. When the last of them has
// called `finished`, which it does on its own thread, the control thread answers with
// `make(results)`, a page or a whole answer.
template <class Result, class Ask, class Make>
void ask_all(boost::asio::io_context& control, const worker_list& workers, const json_reply& reply,
             Ask ask, Make make) {
  struct answers {
    std::vector<page_part<Result>> of_worker;
    std::size_t awaited;
  };
  auto all = std::make_shared<answers>();
  all->of_worker.resize(workers.size());
  all->awaited = workers.size();
  const auto answer = [all, make, reply] {
    if (--all->awaited != 0) return;
    json_answer page;
    try {
      if constexpr (std::is_same_v<decltype(make(std::vector<Result>())), json_answer>)
        page = make(whole_of(all->of_worker));
      else
        page = answer_of(make(whole_of(all->of_worker)));
    } catch (const std::exception& error) {
      thread_local log_pace said;
      log_paced(said, spdlog::level::err, "admin: a page of the workers failed: {}", error.what());
      page = error_answer(boost::beast::http::status::internal_server_error,
                          "the page cannot be made");
    }
    reply(std::move(page));
  };
  for (std::size_t i = 0; i < workers.size(); ++i) {
    ask(i, all->of_worker[i], [answer, &control] { boost::asio::post(control, answer); });
  }
}

}  // namespace presenter::gateway
