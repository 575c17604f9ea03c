// Bytes that wait for one client's socket: whole packets in at the back, one gathered run out at
// the front. It knows nothing of what they mean.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/byte_buffer.hpp"

namespace presenter::chat_backend {

// Bytes that may wait for a client that does not read: about 1,500 messages of 128 bytes, some
// minutes of a busy chat. What does not fit is in the history.
inline constexpr std::size_t outbox_bytes_max = 256 * 1'024;

// Confined to: the session's thread.
// Bounds: deliveries stop at outbox_bytes_max. Replies are always taken, because the session stops
// reading calls while `is_congested()`: at most one reply more than the limit.
class outbox {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return waiting_.size() + in_flight_.size(); }
  bool is_congested() const { return size() > outbox_bytes_max / 2; }
  bool has_room_for(std::size_t bytes) const { return size() + bytes <= outbox_bytes_max; }

  // Where packets are appended.
  byte_buffer& back() { return waiting_; }

  // What is to be written next, as one run; valid until `finish_write`.
  std::span<const std::byte> start_write() {
    if (in_flight_.empty()) in_flight_.swap(waiting_);
    return in_flight_.bytes();
  }
  // The first `n` bytes of it are written.
  void finish_write(std::size_t n) {
    in_flight_.consume(n);
    // An idle client keeps no buffer that a burst once needed.
    constexpr std::size_t kept_bytes_max = 4'096;
    if (in_flight_.empty() && in_flight_.capacity() > kept_bytes_max) in_flight_.release();
  }

  // All that is not written, which somebody else will write.
  std::string take() {
    std::string all;
    for (byte_buffer* const part : {&in_flight_, &waiting_}) {
      const auto bytes = part->bytes();
      all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      part->release();
    }
    return all;
  }

 private:
  byte_buffer waiting_;
  byte_buffer in_flight_;
};

}  // namespace presenter::chat_backend
