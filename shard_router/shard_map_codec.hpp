// What stands in a server's znode, both ways, and a whole map for the disk. The znode:
// {"host":…,"port":…,"weight":…,"state":…,"instance":…}. See: README.md, Znodes.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "shard_router/errc.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// 1 … name_bytes_max letters, digits, '.', '_' or '-'.
bool is_server_name(std::string_view name) noexcept;

// Keys that are not known are ignored; `weight`, `state` and `instance` may be missing.
// Errors: the first of errc's entry errors that applies. Throws nothing.
boost::system::result<server> decode_server(std::string_view name, std::string_view json);

std::string encode_server(const server& server);

// A whole map as saved_map keeps it: {"epoch":…,"servers":[{"name":…, and as above},…]}. Decoding
// is all or nothing, and somebody must be up: errc::saved_map_invalid.
boost::system::result<shard_map_ptr> decode_map(std::string_view json);
std::string encode_map(const shard_map& map);

}  // namespace presenter::shard_router
