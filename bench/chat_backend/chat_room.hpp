// What one couple has said: a numbered history in memory, bounded in bytes, oldest dropped first.
// It knows neither clients nor the wire.
#pragma once

#include <chat_types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace presenter::chat_backend {

// History kept per couple, bodies and names and 96 bytes of bookkeeping each: about 550 messages of
// 128 bytes, nine minutes at one a second.
inline constexpr std::size_t history_bytes_per_couple = 128 * 1'024;

// Confined to: the service's thread. Bounds: history_bytes_per_couple; the newest message always
// stays, whatever its size.
class chat_room {
 public:
  explicit chat_room(std::size_t history_bytes_max = history_bytes_per_couple)
      : history_bytes_max_(history_bytes_max) {}

  // True when `user` is one of the couple; the first two users that ask become it.
  bool admit(const std::string& user);

  // The stored message with its sequence; valid until the next append.
  const chat::Message& append(const std::string& sender, std::int64_t client_id,
                              const std::string& body);

  // Messages with a sequence above `after`, oldest first: at most `limit`, and no more than about
  // `bytes_max` of them, but at least one if there is one.
  std::vector<chat::Message> after(std::int64_t after, std::size_t limit,
                                   std::size_t bytes_max) const;

  std::int64_t last_sequence() const { return last_sequence_; }

 private:
  std::size_t history_bytes_max_;
  std::array<std::string, 2> users_;
  std::deque<chat::Message> history_;
  std::size_t history_bytes_ = 0;
  std::int64_t last_sequence_ = 0;
};

}  // namespace presenter::chat_backend
