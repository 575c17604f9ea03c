// The znodes, relative to the chroot. README.md, Znodes.
#pragma once

#include <string>
#include <string_view>

namespace presenter::shard_router {

// Persistent; its children are the servers of the map, ephemeral, by their names.
inline constexpr std::string_view servers_path = "/servers";

inline std::string server_path(std::string_view name) {
  return std::string(servers_path).append("/").append(name);
}

}  // namespace presenter::shard_router
