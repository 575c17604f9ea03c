// How long to wait before the next attempt: twice as long each time, within bounds, each wait drawn
// from its upper half so that a fleet does not come back in step.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

namespace presenter {

class backoff {
 public:
  using duration = std::chrono::milliseconds;

  backoff(duration least, duration most, std::uint32_t seed = std::random_device()())
      : least_(least), most_(most), next_(least), random_(seed) {}

  // From half of the current wait to the whole of it; the wait then doubles, to `most`.
  duration next() {
    const duration whole = std::exchange(next_, std::min(next_ * 2, most_));
    return duration(
        std::uniform_int_distribution<duration::rep>(whole.count() / 2, whole.count())(random_));
  }

  // It worked: start from `least` again.
  void reset() { next_ = least_; }

 private:
  duration least_;
  duration most_;
  duration next_;
  std::minstd_rand random_;
};

}  // namespace presenter
