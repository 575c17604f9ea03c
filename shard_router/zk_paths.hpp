// The znodes, relative to the chroot. README.md, Znodes.
#pragma once

#include <string>
#include <string_view>

namespace presenter::shard_router {

// Persistent; its children are the backends of the map, ephemeral, by their names.
inline constexpr std::string_view servers_path = "/servers";

// Persistent and private: the keys of session tickets. README.md §2.
inline constexpr std::string_view ticket_keys_path = "/ticket_keys";

// Persistent; its children are the gateways' load reports, ephemeral, by their names.
// gateway/balance/README.md, The report.
inline constexpr std::string_view gateways_path = "/gateways";

// Persistent; its children are ephemeral and numbered: the gateway of the lowest publishes to DNS.
inline constexpr std::string_view election_path = "/election";

// Persistent: which records the elected gateway published last.
inline constexpr std::string_view published_path = "/published";

// Persistent, while somebody wants the clients shared out anew: an operator's order.
inline constexpr std::string_view rebalance_path = "/rebalance";

inline std::string gateway_path(std::string_view name) {
  return std::string(gateways_path).append("/").append(name);
}

inline std::string server_path(std::string_view name) {
  return std::string(servers_path).append("/").append(name);
}

}  // namespace presenter::shard_router
