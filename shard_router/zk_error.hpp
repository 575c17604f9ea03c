// ZooKeeper's own answers as boost error codes: every number it returns keeps its number and its
// text, and those that somebody decides by have a name.
#pragma once

#include <boost/system/error_code.hpp>

namespace presenter::shard_router {

enum class zk_errc {
  connection_loss = -4,  // the request may or may not have been done
  no_node = -101,
  no_auth = -102,
  bad_version = -103,
  node_exists = -110,
};

const boost::system::error_category& zk_category() noexcept;
boost::system::error_code make_error_code(zk_errc) noexcept;

}  // namespace presenter::shard_router

template <>
struct boost::system::is_error_code_enum<presenter::shard_router::zk_errc> : std::true_type {};
