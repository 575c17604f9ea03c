// What stands in a backend's znode, both ways, and a whole map for the disk. The znode:
// {"host":…,"port":…,"weight":…,"state":…,"instance":…}. See: README.md, Znodes.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shard_router/errc.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// 1 … name_bytes_max letters, digits, '.', '_' or '-'.
bool is_backend_name(std::string_view name) noexcept;

// Keys that are not known are ignored; `weight`, `state` and `instance` may be missing.
// Errors: the first of errc's entry errors that applies. Throws nothing.
boost::system::result<backend_entry> decode_backend(std::string_view name, std::string_view json);

std::string encode_backend(const backend_entry& backend);

// A backend that has been left out of a map.
struct refused_backend {
  std::string name;  // or "number 3", if its name is what is wrong
  boost::system::error_code why;
};

struct decoded_map {
  shard_map_ptr map;  // perhaps nobody in it is up
  std::vector<refused_backend> refused;
};

// A whole map as saved_map keeps it: {"epoch":…,"servers":[{"name":…, and as above},…]}. An entry
// with a mistake is left out, as it is of a map that is read from ZooKeeper; whatever else is wrong
// is errc::saved_map_invalid. Throws nothing.
boost::system::result<decoded_map> decode_map(std::string_view json);
std::string encode_map(const shard_map& map);

}  // namespace presenter::shard_router
