#include "gateway/operate/watchdog.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/paced_log.hpp"
#include "base/parse_number.hpp"
#include "gateway/operate/service_manager.hpp"

namespace presenter::gateway {
namespace {

// A question, its answer and one that came late all fit into the limit.
constexpr int periods_in_limit = 4;

std::optional<std::int64_t> number_of(const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  const auto number = parse_number<std::int64_t>(value);
  return number && *number > 0 ? number : std::nullopt;
}

}  // namespace

std::optional<std::chrono::microseconds> watchdog_limit(bool is_successor) {
  const auto limit = number_of("WATCHDOG_USEC");
  const auto process = number_of("WATCHDOG_PID");
  if (!limit || (process && *process != ::getpid() && !is_successor)) return std::nullopt;
  return std::chrono::microseconds(*limit);
}

watchdog::watchdog(boost::asio::io_context& control, std::chrono::microseconds limit,
                   std::vector<ask> workers)
    : timer_(control), period_(limit / periods_in_limit) {
  for (ask& question : workers)
    put_question(workers_.emplace_back(std::move(question)));
  wait();
}

void watchdog::stop() {
  timer_.cancel();
}

void watchdog::wait() {
  timer_.expires_after(period_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void watchdog::put_question(watched& worker) {
  ++worker.asked;
  worker.question([count = worker.answered] { count->fetch_add(1, std::memory_order_relaxed); });
}

void watchdog::look() {
  bool are_alive = true;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    watched& each = workers_[i];
    if (each.answered->load(std::memory_order_relaxed) == each.asked) {
      put_question(each);
      continue;
    }
    are_alive = false;
    log_paced(silence_said_, spdlog::level::warn,
              "worker {} does not answer: the service manager is not told that all is well", i);
  }
  if (are_alive) notify_service_manager("WATCHDOG=1");
  wait();
}

}  // namespace presenter::gateway
