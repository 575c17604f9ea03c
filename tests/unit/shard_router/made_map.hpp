// Servers and maps for tests, by name only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

inline server made_server(const std::string& name) {
  server made;
  made.name = name;
  made.host = "127.0.0.1";
  made.port = 7000;
  return made;
}

inline shard_map_ptr made_map(const std::vector<std::string>& names, std::int64_t epoch = 1) {
  std::vector<server> servers;
  servers.reserve(names.size());
  for (const std::string& name : names)
    servers.push_back(made_server(name));
  return std::make_shared<const shard_map>(epoch, std::move(servers));
}

}  // namespace presenter::shard_router
