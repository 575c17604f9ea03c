// The arithmetic of credit, in payload bytes: what we may send, and what we have allowed the peer
// to send. One pair per stream and one per link. See: protocol/README.md §6.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "protocol/limits.hpp"

namespace presenter::protocol {

// Every stream has four of these numbers and may be idle for hours, so they have 32 bits.
static_assert(limits::link_window_bytes_max <= std::numeric_limits<std::int32_t>::max());
static_assert(limits::stream_window_bytes_max <= limits::link_window_bytes_max);

// What the peer still allows us to send.
class send_window {
 public:
  explicit send_window(std::int64_t initial) : available_(static_cast<std::int32_t>(initial)) {}

  std::int64_t available() const { return available_; }

  // The caller has checked n ≤ available().
  void spend(std::int64_t n) { available_ -= static_cast<std::int32_t>(n); }

  // False, and unchanged, if the window would pass `max`.
  bool grant(std::int64_t n, std::int64_t max) {
    if (n > max - available_) return false;
    available_ += static_cast<std::int32_t>(n);
    return true;
  }

 private:
  std::int32_t available_;
};

// What we allow the peer to send. Three parts add up to the window's size: credit that the peer
// still holds, bytes received and not yet consumed, bytes consumed whose credit has not gone back
// yet.
class receive_window {
 public:
  explicit receive_window(std::int64_t size)
      : size_(static_cast<std::int32_t>(size)), held_by_peer_(size_) {}

  // All there is, for another window to go on with.
  struct parts {
    std::int32_t size = 0;
    std::int32_t held_by_peer = 0;
    std::int32_t owed = 0;
    bool operator==(const parts&) const = default;
  };
  explicit receive_window(const parts& all)
      : size_(all.size), held_by_peer_(all.held_by_peer), owed_(all.owed) {}
  parts all() const { return {size_, held_by_peer_, owed_}; }

  // False, and unchanged, if the peer sent more than it was allowed.
  bool receive(std::int64_t n) {
    if (n > held_by_peer_) return false;
    held_by_peer_ -= static_cast<std::int32_t>(n);
    return true;
  }

  // The next hop has taken `n` of the bytes received.
  void consume(std::int64_t n) { owed_ += static_cast<std::int32_t>(n); }

  std::int64_t buffered() const { return size_ - held_by_peer_ - owed_; }

  // A grant is due once the peer has less than half left, and never for less than a quarter or one
  // full Data frame, whichever is less: no window of one byte at a time, and yet a large one goes
  // on when stalled streams hold nearly all of it. When nothing is buffered the second part follows
  // from the first, so a peer that has run dry always gets its credit.
  bool is_grant_due() const {
    constexpr std::int32_t full_frame{limits::data_bytes_max};
    return held_by_peer_ < size_ / 2 && owed_ >= std::min(size_ / 4, full_frame);
  }

  // The bytes to grant now; they count as held by the peer from here on.
  std::int64_t take_grant() {
    const std::int32_t grant = owed_;
    held_by_peer_ += grant;
    owed_ = 0;
    return grant;
  }

 private:
  std::int32_t size_;
  std::int32_t held_by_peer_;
  std::int32_t owed_ = 0;
};

}  // namespace presenter::protocol
