// How long a step of a client took, in two bytes of its session: whole milliseconds, so that a
// hundred thousand idle clients pay nothing for it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace presenter::gateway {

class short_time {
 public:
  short_time() = default;  // not known
  // 65.534 s and more are the same.
  explicit short_time(std::chrono::nanoseconds took)
      : plus_one_(static_cast<std::uint16_t>(
            std::clamp<std::int64_t>(std::chrono::round<std::chrono::milliseconds>(took).count(), 0,
                                     std::numeric_limits<std::uint16_t>::max() - 1) +
            1)) {}

  bool is_known() const { return plus_one_ != 0; }
  std::uint16_t milliseconds() const { return static_cast<std::uint16_t>(plus_one_ - 1); }

  // For another process.
  std::uint16_t value() const { return plus_one_; }
  static short_time of_value(std::int64_t value) {
    short_time made;
    if (value > 0 && value <= std::numeric_limits<std::uint16_t>::max())
      made.plus_one_ = static_cast<std::uint16_t>(value);
    return made;
  }

 private:
  std::uint16_t plus_one_ = 0;
};

}  // namespace presenter::gateway
