// Servers and maps for tests, by name only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

inline backend_entry made_backend(const std::string& name) {
  backend_entry made;
  made.name = name;
  made.host = "127.0.0.1";
  made.port = 7000;
  return made;
}

inline shard_map_ptr made_map(const std::vector<std::string>& names, std::int64_t epoch = 1) {
  std::vector<backend_entry> backends;
  backends.reserve(names.size());
  for (const std::string& name : names)
    backends.push_back(made_backend(name));
  return std::make_shared<const shard_map>(epoch, std::move(backends));
}

}  // namespace presenter::shard_router
