// What became of taking a backend that has died out of the shard map.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// Each enumerator says: cause · blame. After all but the first two ZooKeeper's session with the
// backend decides, as if nobody had tried.
enum class removal_result : std::uint8_t {
  removed,   // its entry is gone by our order
  gone,      // it was before: its session ended, or another gateway was faster
  changed,   // another process has registered under the name
  returned,  // removed before, it has registered again: it lives, whatever its host says · network
  alone,     // no backend at all has a link here: it is rather this gateway that is cut off
  denied,    // our identity may not change `servers` · configuration
  away,      // ZooKeeper does not answer · coordination
  failed,    // ZooKeeper answers something else, or the entry is none · coordination
};

inline constexpr std::array<std::string_view, 8> removal_result_names{
    "removed", "gone", "changed", "returned", "alone", "denied", "away", "failed"};

constexpr std::string_view name_of(removal_result value) noexcept {
  return removal_result_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
