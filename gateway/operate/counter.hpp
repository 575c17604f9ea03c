// Numbers that one thread writes and any may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace presenter::gateway {

// Only ever grows.
// Confined to: one writing thread; any thread may read. So a plain load and store do, no locked
// add.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// How many there are now. Confined to: as a counter.
class gauge {
 public:
  void add(std::int64_t n = 1) noexcept { set(value() + n); }
  void sub(std::int64_t n = 1) noexcept { set(value() - n); }
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

}  // namespace presenter::gateway
