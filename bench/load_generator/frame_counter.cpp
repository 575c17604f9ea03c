#include "bench/load_generator/frame_counter.hpp"

#include <algorithm>

namespace presenter::bench {

std::optional<std::size_t> frame_counter::count(std::span<const std::byte> bytes) {
  std::size_t frames = 0;
  while (!bytes.empty()) {
    if (length_bytes_ < 4) {
      length_ = length_ << 8 | std::to_integer<std::uint32_t>(bytes.front());
      bytes = bytes.subspan(1);
      if (++length_bytes_ < 4) continue;
      if (length_ > frame_bytes_max) return std::nullopt;
      body_bytes_ = length_;
    }
    const std::size_t taken = std::min(body_bytes_, bytes.size());
    bytes = bytes.subspan(taken);
    body_bytes_ -= taken;
    if (body_bytes_ != 0) break;
    ++frames;
    length_bytes_ = 0;
    length_ = 0;
  }
  return frames;
}

}  // namespace presenter::bench
