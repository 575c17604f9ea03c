// Where the ensemble is and under which path we live in it: "host:port,host:port/chroot".
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace presenter::shard_router {

struct zk_address {
  std::string servers;  // "host:port,[::1]:port", as people write it
  std::string chroot;   // "/presenter"; empty: the root
  bool operator==(const zk_address&) const = default;
};

// Every server needs a port, 1 … 65535; an IPv6 address stands in brackets. The chroot may be left
// out. errc::address_invalid.
boost::system::result<zk_address> parse_zk_address(std::string_view text);

}  // namespace presenter::shard_router
