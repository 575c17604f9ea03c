#include "presenterctl/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

namespace presenter::ctl {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds look_interval{500};

constexpr unsigned http_ok = 200;
constexpr unsigned http_bad_request = 400;
constexpr unsigned http_unauthorized = 401;
constexpr unsigned http_forbidden = 403;
constexpr unsigned http_not_found = 404;
constexpr unsigned http_conflict = 409;

// Of a gateway that says what it does not like.
exit_code code_of(unsigned http_status) {
  if (http_status == http_not_found || http_status == http_conflict) return exit_no;
  if (http_status == http_forbidden || http_status == http_unauthorized) return exit_refused;
  return http_status == http_bad_request ? exit_usage : exit_unreachable;
}

// Asked at different addresses, and their tags and links look alike at the backends.
void tell_namesakes(const std::map<std::string, std::set<std::string>>& by_name) {
  for (const auto& [name, addresses] : by_name) {
    if (addresses.size() > 1)
      fmt::print(stderr, "presenterctl: {} gateways call themselves '{}': set gateway.name\n",
                 addresses.size(), name);
  }
}

}  // namespace

void answers::take(const gateway_answer& answer) {
  const json& page = answer.page;
  if (answer.status == http_ok && page.is_object()) return pages.push_back(page);
  const bool is_said = page.is_object() && page.contains("error") && page["error"].is_string();
  const std::string why = is_said              ? page["error"].get<std::string>()
                          : answer.status != 0 ? fmt::format("answers {}", answer.status)
                                               : answer.mistake;
  fmt::print(stderr, "presenterctl: {}: {}\n", answer.gateway, why);
  status = std::max(status, is_said ? code_of(answer.status) : exit_unreachable);
}

answers ask(const gateway_options& options, const std::string& target, gateway_method method) {
  answers all;
  std::map<std::string, std::set<std::string>> by_name;
  for (const gateway_answer& each :
       ask_gateways(options.gateways, method, target, options.timeout, options.token)) {
    const std::size_t before = all.pages.size();
    all.take(each);
    if (all.pages.size() == before) continue;
    const json& page = all.pages.back();
    if (page.contains("gateway") && page["gateway"].is_string())
      by_name[page["gateway"].get<std::string>()].insert(each.gateway);
  }
  tell_namesakes(by_name);
  return all;
}

exit_code print_report(const gateway_options& options, const answers& all,
                       const std::function<std::string(const std::vector<json>&)>& render) {
  try {
    if (options.is_json) {
      fmt::print("{}\n", json{{"gateways", all.pages}}.dump(2));
    } else if (!all.pages.empty()) {
      fmt::print("{}", render(all.pages));
    }
    return all.status;
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
}

void pause_between_looks() {
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer(io, look_interval);
  timer.async_wait([](boost::system::error_code) {});
  io.run();
}

}  // namespace presenter::ctl
