// How long something took, counted by fixed bounds: for percentiles over any time and any number of
// gateways. The bounds are the same for all, from 5 µs to 10 s in steps of about 2.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "gateway/operate/counter.hpp"

namespace presenter::gateway {

// Confined to: as a counter. No lock and no allocation: two plain additions.
class duration_histogram {
 public:
  struct bound {
    std::chrono::nanoseconds most;
    const char* seconds;  // as it is written
  };
  static constexpr std::array bounds{
      bound{std::chrono::microseconds(5), "0.000005"},
      bound{std::chrono::microseconds(10), "0.00001"},
      bound{std::chrono::microseconds(25), "0.000025"},
      bound{std::chrono::microseconds(50), "0.00005"},
      bound{std::chrono::microseconds(100), "0.0001"},
      bound{std::chrono::microseconds(250), "0.00025"},
      bound{std::chrono::microseconds(500), "0.0005"},
      bound{std::chrono::milliseconds(1), "0.001"},
      bound{std::chrono::microseconds(2'500), "0.0025"},
      bound{std::chrono::milliseconds(5), "0.005"},
      bound{std::chrono::milliseconds(10), "0.01"},
      bound{std::chrono::milliseconds(25), "0.025"},
      bound{std::chrono::milliseconds(50), "0.05"},
      bound{std::chrono::milliseconds(100), "0.1"},
      bound{std::chrono::milliseconds(250), "0.25"},
      bound{std::chrono::milliseconds(500), "0.5"},
      bound{std::chrono::seconds(1), "1.0"},
      bound{std::chrono::milliseconds(2'500), "2.5"},
      bound{std::chrono::seconds(5), "5.0"},
      bound{std::chrono::seconds(10), "10.0"},
  };
  // The last is for what took longer than all of them.
  static constexpr std::size_t size = bounds.size() + 1;

  // A clock that was set back meanwhile makes no negative time.
  void observe(std::chrono::nanoseconds took) noexcept {
    took = std::max(took, std::chrono::nanoseconds(0));
    std::size_t slot = 0;
    while (slot < bounds.size() && took > bounds[slot].most)
      ++slot;
    slots_[slot].add();
    nanoseconds_.add(static_cast<std::uint64_t>(took.count()));
  }

  // How many fell between the bound before and this one.
  const counter& slot(std::size_t index) const noexcept { return slots_[index]; }
  counter& slot(std::size_t index) noexcept { return slots_[index]; }
  const counter& nanoseconds() const noexcept { return nanoseconds_; }  // of all together
  counter& nanoseconds() noexcept { return nanoseconds_; }

 private:
  std::array<counter, size> slots_;
  counter nanoseconds_;
};

}  // namespace presenter::gateway
