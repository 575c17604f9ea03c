// systemd's watchdog (WatchdogSec=, sd_watchdog_enabled(3)): it starts the gateway anew when that
// stops saying WATCHDOG=1. A timer of the control thread alone would say so for ever while a worker
// serves nobody, so every worker has to answer first, from its own loop.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/log_pace.hpp"

namespace presenter::gateway {

// After how much silence the service manager starts this process anew; nothing: never.
// `is_successor`: of another process, whose id WATCHDOG_PID has then.
std::optional<std::chrono::microseconds> watchdog_limit(bool is_successor);

// Life: the server's. Confined to: the control thread.
// Bounds: one question to each worker at a time, however long it does not answer.
class watchdog {
 public:
  // Has a worker call `answer` on its own thread, when it comes to it. What calls it may outlive
  // the watchdog.
  using ask = std::function<void(std::function<void()> answer)>;

  watchdog(boost::asio::io_context& control, std::chrono::microseconds limit,
           std::vector<ask> workers);

  void stop();

 private:
  struct watched {
    explicit watched(ask asked_by) : question(std::move(asked_by)) {}

    ask question;
    std::uint64_t asked = 0;
    std::shared_ptr<std::atomic<std::uint64_t>> answered =
        std::make_shared<std::atomic<std::uint64_t>>(0);
  };

  void wait();
  static void put_question(watched& worker);
  void look();

  boost::asio::steady_timer timer_;
  const std::chrono::microseconds period_;
  std::vector<watched> workers_;
  log_pace silence_said_;
};

}  // namespace presenter::gateway
