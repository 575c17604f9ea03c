#include "shard_router/zk_error.hpp"

#include <zookeeper/zookeeper.h>

#include <string>

namespace presenter::shard_router {
namespace {

static_assert(static_cast<int>(zk_errc::connection_loss) == ZCONNECTIONLOSS);
static_assert(static_cast<int>(zk_errc::no_node) == ZNONODE);
static_assert(static_cast<int>(zk_errc::no_auth) == ZNOAUTH);
static_assert(static_cast<int>(zk_errc::bad_version) == ZBADVERSION);
static_assert(static_cast<int>(zk_errc::node_exists) == ZNODEEXISTS);

class zookeeper_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "zookeeper"; }
  std::string message(int value) const override { return zerror(value); }
};

}  // namespace

const boost::system::error_category& zk_category() noexcept {
  static const zookeeper_category category;
  return category;
}

boost::system::error_code make_error_code(zk_errc code) noexcept {
  return {static_cast<int>(code), zk_category()};
}

}  // namespace presenter::shard_router
