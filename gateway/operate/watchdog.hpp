// systemd's watchdog (WatchdogSec=, sd_watchdog_enabled(3)): it starts the gateway anew when that
// stops saying WATCHDOG=1. A timer of the control thread alone would say so for ever while a worker
// serves nobody, so every worker has to answer first, from its own loop. Where there is no such
// manager, whoever asks /healthz hears the same.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log_pace.hpp"

namespace presenter::gateway {

// After how much silence the service manager starts this process anew; nothing: never.
// `is_successor`: of another process, whose id WATCHDOG_PID has then.
std::optional<std::chrono::microseconds> watchdog_limit(bool is_successor);

// For a worker where no service manager names a limit: that of presenter.service.
inline constexpr std::chrono::seconds silence_max_default{30};

// Life: the server's. Confined to: the control thread.
// Bounds: one question to each worker at a time, however long it does not answer.
class watchdog {
 public:
  // Has a worker call `answer` on its own thread, when it comes to it. What calls it may outlive
  // the watchdog.
  using ask = std::function<void(std::function<void()> answer)>;

  // `manager_limit`: of watchdog_limit; nothing: nobody is told, and silence_max_default holds.
  watchdog(boost::asio::io_context& control, std::optional<std::chrono::microseconds> manager_limit,
           std::vector<ask> workers);

  void stop();

  // A clause for each worker that has not turned its loop for the limit. A process that stood still
  // as a whole, and goes on, has none.
  std::vector<std::string> silent() const;

 private:
  struct watched {
    explicit watched(ask asked_by) : question(std::move(asked_by)) {}

    ask question;
    bool has_answered() const { return answered->load(std::memory_order_relaxed) == asked; }

    std::uint64_t asked = 0;
    int looks_in_vain = 0;  // in a row
    std::shared_ptr<std::atomic<std::uint64_t>> answered =
        std::make_shared<std::atomic<std::uint64_t>>(0);
  };

  void wait();
  static void put_question(watched& worker);
  void look();
  void tell_silence(std::size_t worker);

  boost::asio::steady_timer timer_;
  const bool is_manager_told_;
  const std::chrono::microseconds limit_;
  std::vector<watched> workers_;
  log_pace silence_said_;
};

}  // namespace presenter::gateway
