// What becomes of an upgrade in place: another process takes this one's place, with its clients.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// But for `done` the gateway goes on as if nothing had been.
enum class upgrade_result : std::uint8_t {
  done,
  refused,        // not now, or not without a yes; nothing was tried
  failed_check,   // the new program does not take what there is
  failed_freeze,  // a worker did not stand still, or there is no memory for what it holds
  failed_spawn,   // the new program cannot be started
  failed_adopt,   // it ended, or did not answer in time, before the gateway was its
};

inline constexpr std::array<std::string_view, 6> upgrade_result_names{
    "done", "refused", "failed_check", "failed_freeze", "failed_spawn", "failed_adopt"};

constexpr std::string_view name_of(upgrade_result result) noexcept {
  return upgrade_result_names[static_cast<std::size_t>(result)];
}

}  // namespace presenter::gateway
