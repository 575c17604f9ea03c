// When one client's messages are due: an open loop, which goes on whether answers come or not. A
// time is due once; who sends late counts the latency from there. Clock and chance come from
// outside.
#pragma once

#include <chrono>
#include <cstdint>

namespace presenter::bench {

class send_schedule {
 public:
  using time = std::chrono::steady_clock::time_point;

  // `rate` messages a second from `now` on, 0 for none. The first is due within the first interval,
  // at `share` (0 to 1) of it, so that clients do not all send at once.
  void restart(time now, double rate, double share);

  bool is_running() const { return rate_ > 0; }
  // When the next one is due; only when running.
  time next() const { return next_; }
  bool is_due(time now) const { return is_running() && next_ <= now; }

  // Evenly spaced.
  void advance() { next_ += interval(1); }
  // As independent events come, exponentially spaced; `share` from 0 up to, but not with, 1.
  void advance_randomly(double share);

  // How many are due at `now` and not taken.
  std::uint64_t overdue(time now) const;

 private:
  std::chrono::nanoseconds interval(double times) const;

  double rate_ = 0;
  time next_;
};

}  // namespace presenter::bench
