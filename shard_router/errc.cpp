#include "shard_router/errc.hpp"

#include <string>

namespace presenter::shard_router {
namespace {

class shard_router_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "presenter.shard_router"; }
  std::string message(int value) const override {
    return std::string(name_of(static_cast<errc>(value)));
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const shard_router_category category;
  return category;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::entry_too_large:
      return "entry_too_large";
    case errc::entry_not_json:
      return "entry_not_json";
    case errc::name_invalid:
      return "name_invalid";
    case errc::host_invalid:
      return "host_invalid";
    case errc::port_invalid:
      return "port_invalid";
    case errc::weight_invalid:
      return "weight_invalid";
    case errc::state_invalid:
      return "state_invalid";
    case errc::instance_invalid:
      return "instance_invalid";
    case errc::too_many_servers:
      return "too_many_servers";
    case errc::map_held:
      return "map_held";
    case errc::disconnected:
      return "disconnected";
    case errc::session_expired:
      return "session_expired";
    case errc::node_taken:
      return "node_taken";
  }
  return "unknown";
}

}  // namespace presenter::shard_router
