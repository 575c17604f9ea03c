// A fuzz input read as a script: small numbers from the front, zeros when it is used up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace presenter::fuzz {

inline std::span<const std::byte> as_bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Life: a view; the input outlives it.
class byte_script {
 public:
  byte_script(const std::uint8_t* data, std::size_t size) : rest_(as_bytes(data, size)) {}

  bool is_over() const { return rest_.empty(); }

  unsigned byte() {
    if (rest_.empty()) return 0;
    const auto value = std::to_integer<unsigned>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }

  // As many as are there, `n` at the most.
  std::span<const std::byte> bytes(std::size_t n) {
    const auto front = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return front;
  }
  std::span<const std::byte> all() { return bytes(rest_.size()); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace presenter::fuzz
