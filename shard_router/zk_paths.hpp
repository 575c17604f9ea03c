// The znodes, relative to the chroot. README.md, Znodes.
#pragma once

#include <string>
#include <string_view>

namespace presenter::shard_router {

// Persistent; its children are the backends of the map, ephemeral, by their names.
inline constexpr std::string_view servers_path = "/servers";

// Persistent and private: the keys of session tickets. README.md §2.
inline constexpr std::string_view ticket_keys_path = "/ticket_keys";

inline std::string server_path(std::string_view name) {
  return std::string(servers_path).append("/").append(name);
}

}  // namespace presenter::shard_router
