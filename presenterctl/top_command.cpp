#include "presenterctl/top_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "presenterctl/answers.hpp"
#include "presenterctl/terminal.hpp"
#include "presenterctl/top_rates.hpp"
#include "presenterctl/top_screen.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;

std::chrono::milliseconds interval_of(const top_options& top) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(top.interval_seconds * 1'000));
}

// Looks at the gateways, one after the other, and remembers what they said the last time.
class watcher {
 public:
  watcher(const gateway_options& options, const top_options& top)
      : options_(options), target_(fmt::format("/top?count={}", top.count)) {}

  void look() {
    samples_.clear();
    mistakes_.clear();
    for (const gateway_answer& each : ask_gateways(options_.gateways, gateway_method::question,
                                                   target_, options_.timeout, options_.token)) {
      if (each.status == 200 && each.page.is_object())
        add(each);
      else
        mistakes_ += fmt::format("{}: {}\n", each.gateway, words_of(each));
    }
  }

  const std::vector<top_sample>& samples() const { return samples_; }
  // A line for each gateway that does not answer.
  const std::string& mistakes() const { return mistakes_; }

 private:
  void add(const gateway_answer& answer) {
    json& before = before_[answer.gateway];
    samples_.push_back(
        {answer.page, before.is_null() ? json() : rates_between(before, answer.page)});
    before = answer.page;
  }

  static std::string words_of(const gateway_answer& answer) {
    if (answer.page.is_object() && answer.page.contains("error"))
      return answer.page.at("error").get<std::string>();
    return answer.status != 0 ? fmt::format("answers {}", answer.status) : answer.mistake;
  }

  const gateway_options& options_;
  const std::string target_;
  std::map<std::string, json> before_;
  std::vector<top_sample> samples_;
  std::string mistakes_;
};

// Until q, a signal, or the end of the terminal.
class live_view {
 public:
  live_view(const gateway_options& options, const top_options& top)
      : watcher_(options, top),
        interval_(interval_of(top)),
        timer_(io_),
        signals_(io_, SIGINT, SIGTERM, SIGHUP),
        resizes_(io_, SIGWINCH),
        keys_(io_) {}

  void run() {
    signals_.async_wait([this](auto error, int) {
      if (!error) io_.stop();
    });
    wait_resize();
    if (::isatty(STDIN_FILENO) == 1) {
      keys_.assign(::dup(STDIN_FILENO));
      wait_key();
    }
    look();
    io_.run();
  }

 private:
  void look() {
    watcher_.look();
    draw();
    timer_.expires_after(interval_);
    timer_.async_wait([this](auto error) {
      if (!error) look();
    });
  }

  void draw() {
    screen_size size = terminal::size();
    const std::string& mistakes = watcher_.mistakes();
    const auto lines = static_cast<std::size_t>(std::ranges::count(mistakes, '\n'));
    size.rows -= std::min(size.rows - 1, lines);
    if (!terminal::draw(mistakes + top_screen(watcher_.samples(), size))) io_.stop();
  }

  void wait_resize() {
    resizes_.async_wait([this](auto error, int) {
      if (error) return;
      draw();
      wait_resize();
    });
  }

  void wait_key() {
    keys_.async_read_some(boost::asio::buffer(key_), [this](auto error, std::size_t) {
      if (error || key_[0] == 'q' || key_[0] == 'Q') return io_.stop();
      wait_key();
    });
  }

  boost::asio::io_context io_{1};
  watcher watcher_;
  const std::chrono::milliseconds interval_;
  boost::asio::steady_timer timer_;
  boost::asio::signal_set signals_;
  boost::asio::signal_set resizes_;
  boost::asio::posix::stream_descriptor keys_;
  std::array<char, 1> key_{};
};

void print_json(const std::vector<top_sample>& samples) {
  json pages = json::array();
  for (const auto& [page, rates] : samples) {
    pages.push_back(page);
    pages.back()["rates"] = rates;
  }
  fmt::print("{}\n", json{{"gateways", pages}}.dump(2));
}

exit_code show_once(const gateway_options& options, const top_options& top) {
  watcher looks(options, top);
  looks.look();
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer(io, interval_of(top));
  timer.async_wait([](auto) {});
  io.run();
  looks.look();
  if (options.is_json)
    print_json(looks.samples());
  else if (!looks.samples().empty())
    fmt::print("{}", top_screen(looks.samples(), {}));
  if (looks.mistakes().empty()) return exit_ok;
  fmt::print(stderr, "presenterctl: {}", looks.mistakes());
  return exit_unreachable;
}

}  // namespace

exit_code show_top(const gateway_options& options, const top_options& top) {
  try {
    if (top.is_once || options.is_json) return show_once(options, top);
    if (!terminal::is_there()) {
      fmt::print(stderr, "presenterctl: top draws on a terminal; --once is for files and pipes\n");
      return exit_usage;
    }
    live_view view(options, top);
    const terminal drawing;
    view.run();
    return exit_ok;
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
}

}  // namespace presenter::ctl
