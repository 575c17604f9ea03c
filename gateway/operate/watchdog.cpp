#include "gateway/operate/watchdog.hpp"

#include <fmt/format.h>
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

watchdog::watchdog(boost::asio::io_context& control,
                   std::optional<std::chrono::microseconds> manager_limit, std::vector<ask> workers)
    : timer_(control),
      is_manager_told_(manager_limit.has_value()),
      limit_(manager_limit.value_or(silence_max_default)) {
  workers_.reserve(workers.size());
  for (ask& question : workers)
    put_question(workers_.emplace_back(std::move(question)));
  wait();
}

void watchdog::stop() {
  timer_.cancel();
}

void watchdog::wait() {
  timer_.expires_after(limit_ / periods_in_limit);
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
    if (each.has_answered()) {
      each.looks_in_vain = 0;
      put_question(each);
      continue;
    }
    are_alive = false;
    ++each.looks_in_vain;
    tell_silence(i);
  }
  if (are_alive && is_manager_told_) notify_service_manager("WATCHDOG=1");
  wait();
}

void watchdog::tell_silence(std::size_t worker) {
  log_paced(silence_said_, spdlog::level::warn, "worker {} does not answer: {}", worker,
            is_manager_told_ ? "the service manager is not told that all is well"
                             : "/healthz will say so");
}

// Looks are counted, not time: there is one only behind a time in which nobody had the processor.
std::vector<std::string> watchdog::silent() const {
  std::vector<std::string> clauses;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const watched& each = workers_[i];
    if (each.looks_in_vain < periods_in_limit || each.has_answered()) continue;
    clauses.push_back(fmt::format("worker {} has not turned its loop for {} s", i,
                                  std::chrono::duration<double>(limit_).count()));
  }
  return clauses;
}

}  // namespace presenter::gateway
