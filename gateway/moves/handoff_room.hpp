// How much a worker may have between two backends: states and unread bytes, and streams that wait
// for a backend's answer.
#pragma once

#include <algorithm>
#include <cstddef>

#include "protocol/limits.hpp"

namespace presenter::gateway {

struct handoff_limits {
  std::size_t bytes_max = 0;
  // As many as the pace lets go in one second. A backend that takes longer, a Java one that has
  // just started for example, is given time: its streams are served where they are meanwhile.
  std::size_t awaited_max = 1;

  static handoff_limits at(double handoffs_per_second, std::size_t bytes_max) {
    return {bytes_max, std::max<std::size_t>(1, static_cast<std::size_t>(handoffs_per_second))};
  }
};

// Life: outlives its handoffs. Confined to: the worker's thread.
class handoff_room {
 public:
  // What a backend that is asked may give back when it follows our default window: before its
  // answer nobody knows.
  static constexpr std::size_t bytes_at_first =
      protocol::limits::state_bytes_max + protocol::limits::stream_window_bytes_default;

  explicit handoff_room(const handoff_limits& limits) : limits_(limits) {}

  void set_limits(const handoff_limits& limits) { limits_ = limits; }

  // One more may wait for a backend's answer.
  bool may_await() const { return awaited_ < limits_.awaited_max; }
  // One handoff may begin. However few bytes there may be, one at a time always may.
  bool has_room() const {
    return may_await() && (bytes_ == 0 || bytes_ + bytes_at_first <= limits_.bytes_max);
  }
  std::size_t bytes() const { return bytes_; }

  void await() { ++awaited_; }
  void answered() { --awaited_; }

  // False: there is not so much left; then nothing is taken.
  bool take(std::size_t bytes) {
    if (bytes_ + bytes > limits_.bytes_max) return false;
    bytes_ += bytes;
    return true;
  }
  void take_first() { bytes_ += bytes_at_first; }
  void give_back(std::size_t bytes) { bytes_ -= bytes; }

 private:
  handoff_limits limits_;
  std::size_t bytes_ = 0;
  std::size_t awaited_ = 0;
};

}  // namespace presenter::gateway
