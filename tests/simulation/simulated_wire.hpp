// One direction of the link: bytes under way. They arrive in order, late, and in pieces that have
// nothing to do with those they left in; a stalled wire takes nothing in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "tests/simulation/dice.hpp"

namespace presenter::testing {

class simulated_wire {
 public:
  // `capacity` bytes may be under way. Times are virtual milliseconds.
  simulated_wire(std::size_t capacity, std::int64_t delay_ms_max)
      : capacity_(capacity), delay_ms_max_(delay_ms_max) {}

  std::size_t room() const {
    return is_stalled || bytes_.size() - begin_ >= capacity_ ? 0
                                                             : capacity_ - (bytes_.size() - begin_);
  }
  bool empty() const { return bytes_.size() == begin_; }

  // The caller has checked room(). A cut wire swallows them.
  void put(std::span<const std::byte> more, std::int64_t now, dice& dice) {
    if (is_cut) return;
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    const auto delay = delay_ms_max_ == 0 ? 0 : dice.below(static_cast<std::size_t>(delay_ms_max_));
    last_due_ = std::max(last_due_, now + static_cast<std::int64_t>(delay));
    if (delay_ms_max_ != 0) chunks_.push_back({last_due_, more.size()});
  }

  // At most `most` of the bytes that are due at `now`, appended to `to`.
  void take(std::size_t most, std::int64_t now, std::vector<std::byte>& to) {
    std::size_t n = std::min(most, bytes_.size() - begin_);
    if (delay_ms_max_ != 0) n = take_due(n, now);
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(begin_);
    to.insert(to.end(), from, from + static_cast<std::ptrdiff_t>(n));
    begin_ += n;
    if (begin_ != bytes_.size()) return;
    bytes_.clear();
    begin_ = 0;
  }

  // Everything under way is lost, and all that follows.
  void cut() {
    is_cut = true;
    is_stalled = false;
    bytes_.clear();
    chunks_.clear();
    begin_ = 0;
  }

  bool is_stalled = false;
  bool is_cut = false;

 private:
  struct chunk {
    std::int64_t due;
    std::size_t size;
  };

  std::size_t take_due(std::size_t most, std::int64_t now) {
    std::size_t n = 0;
    while (n < most && !chunks_.empty() && chunks_.front().due <= now) {
      const std::size_t piece = std::min(most - n, chunks_.front().size);
      n += piece;
      if ((chunks_.front().size -= piece) == 0) chunks_.pop_front();
    }
    return n;
  }

  std::size_t capacity_;
  std::int64_t delay_ms_max_;
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::deque<chunk> chunks_;
  std::int64_t last_due_ = 0;
};

}  // namespace presenter::testing
