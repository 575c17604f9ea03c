// Counts the frames of an operator's own protocol, each a length of 4 bytes, the most significant
// one first, and that many bytes; what is in them is not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace presenter::bench {

// Confined to: its owner. Bounds: keeps no bytes.
class frame_counter {
 public:
  // How many frames end in `bytes`; nothing when a length is beyond frame_bytes_max.
  std::optional<std::size_t> count(std::span<const std::byte> bytes);
  void reset() { *this = {}; }

  // No protocol of short messages goes there, but text that is taken for a length does.
  static constexpr std::uint32_t frame_bytes_max = 16 * 1'024 * 1'024;

 private:
  std::uint32_t length_ = 0;
  std::size_t length_bytes_ = 0;  // how many of its four are there
  std::size_t body_bytes_ = 0;    // still to come of the body
};

}  // namespace presenter::bench
