#include "shard_router/errc.hpp"

#include "base/error_table.hpp"

namespace presenter::shard_router {
namespace {

// One line per enumerator; no default, so that the compiler finds a missing one.
constexpr error_row row_of(errc code) {
  switch (code) {
    case errc::entry_too_large:
      return {"entry_too_large", "more bytes than a backend's entry may have"};
    case errc::entry_not_json:
      return {"entry_not_json", "not a JSON object"};
    case errc::name_invalid:
      return {"name_invalid", "a name has 1 to 255 letters, digits, '.', '_' and '-'"};
    case errc::host_invalid:
      return {"host_invalid", "'host' must be a host name, an IPv4 or an IPv6 address"};
    case errc::host_wildcard:
      return {"host_wildcard", "'host' must be an address to connect to, no wildcard or multicast"};
    case errc::port_invalid:
      return {"port_invalid", "'port' must be a whole number, 1 to 65535"};
    case errc::weight_invalid:
      return {"weight_invalid", "'weight' must be a whole number, 1 to 1000"};
    case errc::state_invalid:
      return {"state_invalid", "'state' must be \"up\" or \"draining\""};
    case errc::instance_invalid:
      return {"instance_invalid",
              "'instance' must be at most 64 printable characters without blanks"};
    case errc::too_many_backends:
      return {"too_many_backends", "more backends than a map may have"};
    case errc::too_much_weight:
      return {"too_much_weight", "the backends' weights add up to more than a map may have"};
    case errc::map_held:
      return {"map_held", "the new map lacks too many backends and is held back"};
    case errc::saved_map_invalid:
      return {"saved_map_invalid", "not a saved shard map"};
    case errc::address_invalid:
      return {"address_invalid",
              "must be host:port or [IPv6]:port, more after commas, then maybe /chroot"};
    case errc::identity_invalid:
      return {"identity_invalid", "does not hold one line user:password"};
    case errc::disconnected:
      return {"disconnected", "no session with ZooKeeper just now"};
    case errc::node_taken:
      return {"node_taken", "a newer process has registered this name"};
    case errc::secret_denied:
      return {"secret_denied", "our identity may not read it"};
    case errc::secret_exposed:
      return {"secret_exposed", "others than our identity may read or change it"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const error_table<errc> table("presenter.shard_router", row_of);
  return table;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::string_view name_of(errc code) noexcept {
  return row_of(code).name;
}

}  // namespace presenter::shard_router
