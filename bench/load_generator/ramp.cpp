#include "bench/load_generator/ramp.hpp"

#include <algorithm>
#include <cmath>

namespace presenter::bench {

namespace {

// Of what was due. Less is what a step's ends can explain.
constexpr double answered_share_min = 0.97;

// The knee is known well enough when good and bad are that near.
constexpr double gap_max = 1.06;

// A server that keeps up with everything would have no end.
constexpr double rate_max = 1e8;

}  // namespace

std::string_view text_of(step_verdict verdict) {
  switch (verdict) {
    case step_verdict::good:
      return "good";
    case step_verdict::too_few_answers:
      return "too few answers";
    case step_verdict::too_slow:
      return "too slow";
    case step_verdict::generator_was_the_limit:
      return "the generator itself was the limit";
  }
  return "";
}

ramp::ramp(double rate, double factor, std::chrono::nanoseconds p99_max)
    : factor_(factor), p99_max_(p99_max), next_(rate) {}

step_verdict ramp::judge(const ramp_step& step) const {
  using std::chrono::nanoseconds;
  const bool is_behind = step.delivered < step.rate * answered_share_min;
  const auto by_itself =
      best_p99_ == nanoseconds::max()
          ? nanoseconds::max()
          : std::max(slow_least, nanoseconds(static_cast<std::int64_t>(
                                     static_cast<double>(best_p99_.count()) * slow_times)));
  const bool is_slow = step.p99 > (p99_max_ > nanoseconds(0) ? p99_max_ : by_itself);
  if ((is_behind || is_slow) && step.was_generator_the_limit)
    return step_verdict::generator_was_the_limit;
  if (is_behind) return step_verdict::too_few_answers;
  return is_slow ? step_verdict::too_slow : step_verdict::good;
}

step_verdict ramp::add(const ramp_step& step) {
  const step_verdict verdict = judge(step);
  if (verdict == step_verdict::good) {
    good_ = std::max(good_, step.rate);
    best_p99_ = std::min(best_p99_, step.p99);
  } else {
    bad_ = step.rate;
    why_ = verdict;
  }
  is_over_ = (bad_ > 0 && (good_ == 0 || bad_ / good_ <= gap_max)) || good_ >= rate_max;
  next_ = bad_ > 0 ? std::sqrt(good_ * bad_) : step.rate * factor_;
  return verdict;
}

}  // namespace presenter::bench
