// A backend's place in the fleet: registers itself in ZooKeeper, watches the shard map that comes
// of it, and keeps its acceptor from serving keys of others.
//
//   backend member(io, {.zookeeper = …, .self = {.name = "chat-a"}});
//   mux_acceptor acceptor(io, endpoint, {.node = "chat-a", .fence = member.fence()});
//   member.start(acceptor, "10.0.0.7", acceptor.local_endpoint().port());
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "protocol/backend_sdk/owner_fence.hpp"
#include "shard_router/router.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_session.hpp"
#include "shard_router/zk_watcher.hpp"

namespace presenter::protocol {

struct backend_options {
  std::string zookeeper;  // "host:port,host:port/chroot"
  // One line "user:password": the digest identity that owns our entry; empty: everybody does.
  std::filesystem::path identity_file;
  shard_router::backend_entry self;  // host and port may be left to start(); an instance is made
  // How long a key must have been ours before we accept it.
  std::chrono::milliseconds settle = shard_router::ownership::settle_default;
  // Where the last map is kept over restarts, for one while ZooKeeper is away; empty: nowhere. No
  // stream is accepted without a map.
  std::filesystem::path saved_map;
  // How long a map that lacks more than half of the servers is held back; as at the gateways.
  std::chrono::milliseconds mass_drop_hold{30'000};
  // How long leaving may take; without ZooKeeper the node goes with its session.
  std::chrono::milliseconds leave_timeout{2'000};
};

// Life: shorter than the io_context; the acceptor it was started with lives as long as it does.
// Confined to: the io_context's one thread.
class backend {
 public:
  // Throws std::invalid_argument for what is not an address of ZooKeeper's, or no identity.
  backend(boost::asio::io_context& context, backend_options options);

  // For acceptor_options.
  std::shared_ptr<stream_fence> fence() const { return fence_; }

  // Registers, now and whenever ZooKeeper is back, and watches. Throws std::invalid_argument for an
  // entry out of limits, among them a host that nobody can connect to, like 0.0.0.0, and for an
  // acceptor that says another name in its Hello. Once.
  void start(mux_acceptor& acceptor, const std::string& host, std::uint16_t port);

  // Told when an operator has written our entry's state: `draining`, or `up` again. The gateways
  // act upon it by themselves, and move our streams away; we should end when we are empty.
  void on_ordered(std::function<void(shard_router::backend_state)> call);

  // Says `draining` in the entry: no new streams, and the gateways move those that are here.
  // False: ZooKeeper does not answer, so that nobody hears it. After start.
  bool start_draining();

  // Takes the entry out of the map, so that no new stream is on its way while the others end;
  // `on_left` when it is gone or leave_timeout is over. Once, after start.
  void start_leaving(std::function<void()> on_left);

  // Of ZooKeeper's session, the map and our entry; any thread may read them.
  const shard_router::shard_counters& counters() const { return session_.counters(); }

 private:
  void on_map(const shard_router::shard_map_ptr& map);
  void finish_leaving();

  backend_options options_;
  std::shared_ptr<owner_fence> fence_;
  mux_acceptor* acceptor_ = nullptr;
  shard_router::router shards_;
  shard_router::zk_session session_;
  shard_router::zk_watcher watcher_;
  std::optional<shard_router::zk_registration> entry_;
  boost::asio::steady_timer leave_deadline_;
  std::function<void()> on_left_;
  std::function<void(shard_router::backend_state)> on_ordered_;
};

}  // namespace presenter::protocol
