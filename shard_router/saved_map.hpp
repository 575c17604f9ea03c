// The last map on disk, so that a gateway can start while ZooKeeper is away. A cache, written by
// the gateway and nobody else; it may be deleted at any time.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <filesystem>

#include "shard_router/shard_map.hpp"
#include "shard_router/shard_map_codec.hpp"

namespace presenter::shard_router {

// Whole or not at all, see base/replaced_file.hpp. Blocks for as long as the disk takes.
boost::system::error_code save_map(const std::filesystem::path& file, const shard_map& map);

// errc::saved_map_invalid, or what the operating system says (no_such_file_or_directory …).
boost::system::result<decoded_map> load_saved_map(const std::filesystem::path& file);

}  // namespace presenter::shard_router
