// Where the gateway's shard map comes from, as the configuration says: a file, read once, or
// ZooKeeper, watched for ever.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "shard_router/router.hpp"
#include "shard_router/zk_session.hpp"
#include "shard_router/zk_watcher.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread, on which the router publishes.
class shard_source {
 public:
  // Throws std::runtime_error if the map file is not usable.
  shard_source(boost::asio::io_context& control, const shards_config& settings,
               shard_router::router& router);

  // ZooKeeper is asked from now on; it may come later. `earlier`: see zk_session::start.
  void start(const shard_router::zk_credentials& earlier = {});

  // Ends the session with ZooKeeper, if there is one; blocks until its threads are gone.
  void stop();

  zookeeper_facts facts() const;

  // The map that ZooKeeper holds and the gateway does not use, see map_guard; nullptr: none.
  shard_router::shard_map_ptr held() const;

  // With a digest identity if one is configured. nullptr: no ZooKeeper is configured. Lives until
  // this object ends; closed by stop().
  shard_router::zk_session* session() const { return session_.get(); }

 private:
  void make_zookeeper(boost::asio::io_context& control, const shards_config& settings,
                      shard_router::router& router);

  std::unique_ptr<shard_router::zk_session> session_;
  std::unique_ptr<shard_router::zk_watcher> watcher_;
};

}  // namespace presenter::gateway
