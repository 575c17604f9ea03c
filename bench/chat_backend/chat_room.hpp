// What one couple has said: a numbered history in memory, bounded in bytes, oldest dropped first;
// of a file that other chat servers write as well, if there is one. It knows neither clients nor
// the wire.
#pragma once

#include <chat_types.h>

#include <array>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "bench/chat_backend/history_file.hpp"

namespace presenter::chat_backend {

// History kept per couple, bodies and names and 96 bytes of bookkeeping each: about 550 messages of
// 128 bytes, nine minutes at one a second.
inline constexpr std::size_t history_bytes_per_couple = 128 * 1'024;

// Confined to: the service's thread. Bounds: history_bytes_per_couple; the newest message always
// stays, whatever its size.
class chat_room {
 public:
  // `file`: where the history is; none: only here.
  explicit chat_room(std::size_t history_bytes_max = history_bytes_per_couple,
                     std::optional<history_file> file = std::nullopt)
      : history_bytes_max_(history_bytes_max), file_(std::move(file)) {}

  // With a file these fail as it does. What others have written meanwhile is in the room
  // afterwards, in front of what is added.

  boost::system::error_code update();

  // The first two users that ask become the couple; others: permission_denied.
  boost::system::error_code admit(const std::string& user);

  // The new message's sequence.
  boost::system::result<std::int64_t> append(const std::string& sender, std::int64_t client_id,
                                             const std::string& body);

  // Messages with a sequence above `after`, oldest first: at most `limit`, and no more than about
  // `bytes_max` of them, but at least one if there is one.
  boost::system::result<std::vector<chat::Message>> after(std::int64_t after, std::size_t limit,
                                                          std::size_t bytes_max) const;

  // Calls `visit` with each message above `after`, oldest first, until it returns false. What is
  // too old for the memory is read from the file.
  boost::system::error_code visit_after(std::int64_t after,
                                        const history_file::visitor& visit) const;

  std::int64_t last_sequence() const { return last_sequence_; }

 private:
  bool is_member(const std::string& user) const;
  boost::system::error_code add(const history_file::record_maker& make);
  void keep(chat::Message&& record);

  std::size_t history_bytes_max_;
  std::optional<history_file> file_;
  std::array<std::string, 2> users_;
  std::deque<chat::Message> history_;
  std::size_t history_bytes_ = 0;
  std::int64_t last_sequence_ = 0;
};

}  // namespace presenter::chat_backend
