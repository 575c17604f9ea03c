// The moments in a gateway's life at which an operator's hooks run, and how a run ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class hook_event : std::uint8_t {
  starting,  // before anything listens
  ready,     // clients can be served, for the first time
  draining,  // no clients are to be sent here any more
  drained,   // nobody is left: the process ends when the hooks have
};

inline constexpr std::array<std::string_view, 4> hook_event_names{"starting", "ready", "draining",
                                                                  "drained"};

constexpr std::string_view name_of(hook_event event) noexcept {
  return hook_event_names[static_cast<std::size_t>(event)];
}

enum class hook_result : std::uint8_t {
  done,
  failed,     // not to be started, or another exit status than 0
  timed_out,  // ended by us
};

inline constexpr std::array<std::string_view, 3> hook_result_names{"done", "failed", "timed_out"};

constexpr std::string_view name_of(hook_result result) noexcept {
  return hook_result_names[static_cast<std::size_t>(result)];
}

}  // namespace presenter::gateway
