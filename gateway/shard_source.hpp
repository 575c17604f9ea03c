// Where the gateway's shard map comes from, as the configuration says: a file, read once, or
// ZooKeeper, watched for ever.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "gateway/config.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread, which also calls `on_map`.
class shard_source {
 public:
  using map_ptr = std::shared_ptr<const shard_router::shard_map>;

  // `on_map` is told of every map in force, from start() on.
  shard_source(boost::asio::io_context& control, const shards_config& settings,
               std::function<void(const map_ptr&)> on_map);
  ~shard_source();

  // Throws std::runtime_error if the map file is not usable; ZooKeeper may come later.
  void start();

  // on_map is not called again.
  void stop();

 private:
  struct zookeeper;

  boost::asio::io_context& control_;
  const shards_config& settings_;
  std::function<void(const map_ptr&)> on_map_;
  std::unique_ptr<zookeeper> zookeeper_;
};

}  // namespace presenter::gateway
