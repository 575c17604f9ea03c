// The body of a load generator's message: who sent it, when, and which of its messages it is,
// filled up to the wanted size and closed by a checksum, so that any change on the way is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::bench {

struct message_facts {
  std::uint32_t couple = 0;
  std::uint32_t side = 0;      // 0 or 1: which of the couple sent it
  std::uint64_t sequence = 0;  // the sender's own count, from 1
  std::int64_t sent_ns = 0;    // steady clock

  friend bool operator==(const message_facts&, const message_facts&) = default;
};

// The facts, a magic number, the size and the checksum.
inline constexpr std::size_t body_bytes_min = 40;

// Fills `body` with `bytes` bytes, or body_bytes_min if that is more; its memory is used again.
void write_body(const message_facts&, std::size_t bytes, std::string& body);

// nullopt when a single bit is not as it was written.
std::optional<message_facts> read_body(std::string_view body);

}  // namespace presenter::bench
