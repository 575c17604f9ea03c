// What echoed messages consist of: bytes that repeat over a whole conversation, so that any byte
// that comes back can be checked by its position alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace presenter::bench {

// The most bytes that `at` gives at once: those of the longest message and of one read.
inline constexpr std::size_t pattern_run_bytes_max = 64 * 1'024;

// Constant after construction.
class byte_pattern {
 public:
  // Repeats with a prime period, so that a shift of a message, a record or a buffer is seen.
  byte_pattern();
  // Repeats `message`, which is not empty.
  explicit byte_pattern(std::span<const std::byte> message);

  std::size_t period() const { return period_; }
  // `bytes` ≤ pattern_run_bytes_max.
  std::span<const std::byte> at(std::uint64_t position, std::size_t bytes) const {
    return {table_.data() + position % period_, bytes};
  }

 private:
  void fill_table();

  std::size_t period_;
  std::vector<std::byte> table_;
};

}  // namespace presenter::bench
