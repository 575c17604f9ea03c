// How much of streams that are between two backends a worker may hold: states and unread bytes.
#pragma once

#include <cstddef>

#include "protocol/limits.hpp"

namespace presenter::gateway {

// Life: outlives its handoffs. Confined to: the worker's thread.
class held_room {
 public:
  // What a backend that is asked may give back when it follows our default window: before its
  // answer nobody knows.
  static constexpr std::size_t at_first =
      protocol::limits::state_bytes_max + protocol::limits::stream_window_bytes_default;

  explicit held_room(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  // One handoff may begin. However small the limit, one at a time always may.
  bool has_room() const { return taken_ == 0 || taken_ + at_first <= bytes_max_; }
  std::size_t taken() const { return taken_; }

  // False: there is not so much left; then nothing is taken.
  bool take(std::size_t bytes) {
    if (taken_ + bytes > bytes_max_) return false;
    taken_ += bytes;
    return true;
  }
  void take_first() { taken_ += at_first; }
  void give_back(std::size_t bytes) { taken_ -= bytes; }

 private:
  std::size_t bytes_max_;
  std::size_t taken_ = 0;
};

}  // namespace presenter::gateway
