// What backends have deposited with the gateway for the day they crash: of each stream the newest
// state with its positions. See: gateway/moves/README.md, When a backend crashes.
#pragma once

#include <array>
#include <boost/pool/pool.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

// Lies in front of its state.
struct deposit {
  std::int64_t consumed;
  std::int64_t produced;
  std::uint32_t state_bytes;

  std::string_view state() const { return {reinterpret_cast<const char*>(this + 1), state_bytes}; }
};

// Memory for each deposit, side by side with others of its size: among short-lived memory
// (handshakes) each would hold on to a page. Life: outlives its deposits.
// Confined to: the worker's thread. Bounds: one for each stream, of upstream.deposit_bytes_max; how
// many a second, mux_core says. The pools keep what they have had.
class deposit_store {
 public:
  deposit_store() = default;
  deposit_store(const deposit_store&) = delete;
  deposit_store& operator=(const deposit_store&) = delete;

  // In place of `before`, which may be nullptr and is gone afterwards. Throws std::bad_alloc.
  deposit* keep(deposit* before, const protocol::checkpoint_frame& from);
  void drop(deposit* kept);

  // What the pools keep, but for less than a chunk each, and the larger ones.
  std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  // Sizes up to the default limit; few deposit more.
  static constexpr std::size_t class_bytes = 16;
  static constexpr std::size_t class_of(std::size_t state_bytes) {
    return (sizeof(deposit) + state_bytes + class_bytes - 1) / class_bytes;
  }
  static constexpr std::size_t classes =
      (sizeof(deposit) + 256 + class_bytes - 1) / class_bytes + 1;

  struct size_class {
    std::optional<boost::pool<boost::default_user_allocator_malloc_free>> memory;
    std::size_t size = 0;
    std::size_t peak = 0;
  };

  void* allocate(std::size_t of_class);

  std::array<size_class, classes> classes_;
  std::size_t memory_bytes_ = 0;
};

}  // namespace presenter::gateway
