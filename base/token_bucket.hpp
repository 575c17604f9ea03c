// So many events a second, and a burst of them at once: the arithmetic of a rate limit. The time is
// passed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace presenter {

// Holds up to `burst` tokens, full at first; `per_second` come back, each after its own fraction of
// a second. A clock that jumps forward fills it, one that stands still adds nothing.
class token_bucket {
  using clock = std::chrono::steady_clock;

 public:
  // `per_second` and `burst`: 1 or more.
  token_bucket(std::int64_t per_second, std::int64_t burst)
      : interval_(
            std::max(clock::duration{std::chrono::seconds{1}} / per_second, clock::duration{1})),
        burst_(burst),
        tokens_(burst) {}

  // Takes a token if there is one.
  bool take(clock::time_point now) {
    refill(now);
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

  // After a take that failed: how long until the next token.
  clock::duration until_next(clock::time_point now) const {
    return std::max(interval_ - (now - filled_), clock::duration{0});
  }

 private:
  void refill(clock::time_point now) {
    if (now <= filled_) return;
    const std::int64_t more = (now - filled_) / interval_;
    tokens_ = std::min(burst_, tokens_ + std::min(more, burst_));
    filled_ = tokens_ == burst_ ? now : filled_ + more * interval_;
  }

  clock::duration interval_;
  std::int64_t burst_;
  std::int64_t tokens_;
  clock::time_point filled_{};  // up to here time has become tokens
};

}  // namespace presenter
