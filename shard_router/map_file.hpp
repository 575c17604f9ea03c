// A shard map in a file, for one machine or a fleet without ZooKeeper: TOML, one [[server]] table
// each with name, host, port and, if it is not 100, weight.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// One mistake, placed for the person who has to mend it.
struct map_file_error {
  std::string file;
  std::uint32_t line = 0;  // from 1; 0: the file as a whole
  std::string key;         // "server[2].port"; empty: not about one key
  std::string text;

  std::string to_string() const;  // "shards.toml:7: server[2].port: must be 1 … 65535"
};

struct map_file_result {
  shard_map_ptr map;                   // nullptr if there are errors
  std::vector<map_file_error> errors;  // every mistake, in the file's order
};

// Epoch 0. Throws nothing; a TOML syntax error ends the reading, everything else is collected.
map_file_result load_map_file(const std::filesystem::path& file) noexcept;

}  // namespace presenter::shard_router
