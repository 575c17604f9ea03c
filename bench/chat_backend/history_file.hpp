// A couple's history in a file that several chat servers write and read: whole records, in one
// order for all of them. A lock is held for each look at it, never in between. The file outlives
// whoever is killed in the middle.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bench/chat_backend/packet_codec.hpp"

namespace presenter::chat_backend {

// Beyond it nothing more is taken: ten weeks of a couple that writes one message of 128 bytes a
// minute, day and night. A chat service would have a rule for what is old.
inline constexpr std::int64_t history_file_bytes_max = 16 * 1'024 * 1'024;

// A record is the packet in which a message is delivered.
// Confined to: its owner's thread, which it blocks for as long as another server reads or writes
// one record. Bounds: history_file_bytes_max.
class history_file {
 public:
  using error_code = boost::system::error_code;
  using record_sink = std::function<void(chat::Message&&)>;
  using record_maker = std::function<std::optional<chat::Message>()>;
  using visitor = std::function<bool(const chat::Message&)>;

  // The file need not be there yet. `codec` outlives this.
  history_file(std::string path, packet_codec& codec) : path_(std::move(path)), codec_(codec) {}

  // What has been added since the last time, by whomever, goes to `sink`.
  error_code read_news(const record_sink& sink);

  // The same; then, before anybody else can write, what `make` makes of it is added, and goes to
  // `sink` as well. On an error it is not in the file. Errors: file_too_large, or of the system.
  error_code append(const record_sink& sink, const record_maker& make);

  // All records once more that `sink` has had, until `visit` returns false.
  error_code read_again(const visitor& visit) const;

 private:
  using taker = std::function<bool(chat::Message&&)>;

  error_code read_to_end(int file, const record_sink& sink);
  boost::system::result<std::int64_t> scan(int file, std::int64_t from, std::int64_t to,
                                           const taker& take) const;
  error_code write_at_end(int file, const byte_buffer& bytes);

  const std::string path_;
  packet_codec& codec_;
  std::int64_t end_ = 0;  // of what has been read
};

}  // namespace presenter::chat_backend
