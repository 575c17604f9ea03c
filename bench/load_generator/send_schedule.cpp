#include "bench/load_generator/send_schedule.hpp"

#include <cmath>

namespace presenter::bench {

std::chrono::nanoseconds send_schedule::interval(double times) const {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate_ * times));
}

void send_schedule::restart(time now, double rate, double share) {
  rate_ = rate;
  if (is_running()) next_ = now + interval(share);
}

void send_schedule::advance_randomly(double share) {
  next_ += interval(-std::log1p(-share));
}

std::uint64_t send_schedule::overdue(time now) const {
  if (!is_due(now)) return 0;
  return static_cast<std::uint64_t>((now - next_) / interval(1)) + 1;
}

}  // namespace presenter::bench
