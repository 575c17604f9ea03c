// The digest identity of a process towards ZooKeeper, from a file: one line "user:password".
#pragma once

#include <boost/system/result.hpp>
#include <filesystem>
#include <string>

namespace presenter::shard_router {

// Without the line's end. Whether others may read the file is not looked at.
// Errors: errc::identity_invalid, or what the operating system says.
boost::system::result<std::string> read_zk_identity(const std::filesystem::path& file);

}  // namespace presenter::shard_router
