// Finds the rate from which on a server no longer keeps up, its knee: raises the rate step by step
// until a step is bad, and halves the gap between the last good and the first bad one. Results of
// steps in, rates out; it knows no clock and no socket.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

namespace presenter::bench {

struct ramp_step {
  double rate = 0;       // messages a second that were due, of all clients
  double delivered = 0;  // that were answered
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p99{0};
  bool was_generator_the_limit = false;
};

enum class step_verdict { good, too_few_answers, too_slow, generator_was_the_limit };
std::string_view text_of(step_verdict);

class ramp {
 public:
  // From `rate` on, each step `factor` times the one before. A p99 above `p99_max` is bad; where
  // that is 0, one above slow_times that of the best step and slow_least.
  ramp(double rate, double factor, std::chrono::nanoseconds p99_max);

  bool is_over() const { return is_over_; }
  double next_rate() const { return next_; }
  step_verdict add(const ramp_step&);

  // The highest rate that was good, 0 if none was.
  double knee() const { return good_; }
  // The server was at its limit at a rate a little above; else the generator was at its own.
  bool is_knee_of_server() const {
    return is_over_ && why_ != step_verdict::generator_was_the_limit;
  }
  // What ended it.
  step_verdict why() const { return why_; }

  static constexpr double slow_times = 4;
  static constexpr std::chrono::nanoseconds slow_least = std::chrono::milliseconds(2);

 private:
  step_verdict judge(const ramp_step&) const;

  const double factor_;
  const std::chrono::nanoseconds p99_max_;
  std::chrono::nanoseconds best_p99_ = std::chrono::nanoseconds::max();
  double next_;
  double good_ = 0;
  double bad_ = 0;  // the lowest that was; 0: none yet
  step_verdict why_ = step_verdict::good;
  bool is_over_ = false;
};

}  // namespace presenter::bench
