// What can be wrong with a shard map or its source, as boost error codes. Each enumerator says:
// cause · blame · what it does. What ZooKeeper itself answers is zk_errc, in zk_error.hpp.
#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

namespace presenter::shard_router {

enum class errc {
  // One backend's entry · whoever wrote it · that backend is left out, the others go on.
  entry_too_large = 1,  // above limits::node_bytes_max
  entry_not_json,       // not a JSON object
  name_invalid,         // empty, too long, or a character outside the set
  host_invalid,         // missing, or neither a host's name nor an address
  host_wildcard,        // 0.0.0.0, :: or multicast: nobody can connect to it
  port_invalid,         // missing, or outside 1 … 65535
  weight_invalid,       // outside limits::weight_min … weight_max
  state_invalid,        // neither "up" nor "draining"
  instance_invalid,     // too long, or not printable

  // The whole map.
  too_many_backends,  // above limits::backends_max · whoever registers · the last map stays
  too_much_weight,    // above limits::weights_total_max · whoever registers · the last map stays
  map_held,  // would remove more than half of the backends · coordination · held until confirmed
  saved_map_invalid,  // the copy on disk is none of ours · whoever changed it · it is ignored

  // ZooKeeper.
  address_invalid,  // "host:port,…/chroot" is not that · configuration · the program does not start
  identity_invalid,  // not one line "user:password" · configuration · the program does not start
  disconnected,      // no session just now · coordination · the last map stays
  node_taken,        // a newer process registered our name · operator · we wait until it leaves
  secret_denied,     // a private node is not ours to read · operator · it is not used
  secret_exposed,    // a private node is open to others · operator · it is not used
};

const boost::system::error_category& error_category() noexcept;
boost::system::error_code make_error_code(errc) noexcept;

// The enumerator's own name: metrics labels and logs.
std::string_view name_of(errc) noexcept;

}  // namespace presenter::shard_router

template <>
struct boost::system::is_error_code_enum<presenter::shard_router::errc> : std::true_type {};
