// One backend as it stands in a map: where it is, and how much of the keys it is to have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/export.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {

enum class backend_state : std::uint8_t {
  up,
  draining,  // serves the streams it has; is not on the ring and gets no new ones
};

PRESENTER_EXPORT std::string_view name_of(backend_state) noexcept;

struct backend_entry {
  std::string name = {};
  std::string host = {};  // address or name
  std::uint16_t port = 0;
  std::int64_t weight = limits::weight_default;
  backend_state state = backend_state::up;
  std::string instance = {};  // one life of the process; empty in map files
  bool operator==(const backend_entry&) const = default;
};

}  // namespace presenter::shard_router
