// A backend's place in the fleet: registers itself in ZooKeeper, watches the shard map that comes
// of it, and keeps its acceptors from serving keys of others.
//
//   backend member(io, {.zookeeper = "zk1:2181,zk2:2181/chat", .self = {.name = "chat-a"}});
//   mux_acceptor acceptor(io, endpoint, {.node = "chat-a", .fence = member.fence()});
//   member.start(acceptor, "10.0.0.7", acceptor.local_endpoint().port());
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/export.hpp"
#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "protocol/backend_sdk/stream_fence.hpp"
#include "shard_router/backend_entry.hpp"
#include "shard_router/shard_counters.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::protocol {

struct backend_options {
  std::string zookeeper = {};  // "host:port,host:port/chroot"
  // One line "user:password": the digest identity that owns our entry; empty: everybody does.
  std::filesystem::path identity_file = {};
  shard_router::backend_entry self =
      {};  // host and port may be left to start(); an instance is made
  // How long a key must have been ours before we accept it.
  static constexpr std::chrono::milliseconds settle_default{700};
  std::chrono::milliseconds settle = settle_default;
  // Where the last map is kept over restarts, for one while ZooKeeper is away; empty: nowhere. No
  // stream is accepted without a map.
  std::filesystem::path saved_map = {};
  // How long a map that lacks more than half of the servers is held back; as at the gateways.
  std::chrono::milliseconds mass_drop_hold{30'000};
  // How long leaving may take; without ZooKeeper the node goes with its session.
  std::chrono::milliseconds leave_timeout{2'000};
};

// Life: shorter than the io_context; its acceptors may go before it.
// Confined to: the io_context's one thread. Its acceptors may have others.
class PRESENTER_EXPORT backend {
 public:
  // Throws std::invalid_argument for what is not an address of ZooKeeper's, or no identity.
  backend(boost::asio::io_context& context, backend_options options);
  ~backend();
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;

  // For the acceptor_options of each of its acceptors, on whatever thread they are.
  std::shared_ptr<stream_fence> fence() const;

  // Registers, now and whenever ZooKeeper is back, and watches. Throws std::invalid_argument for an
  // entry out of limits, among them a host that nobody can connect to, like 0.0.0.0, and for an
  // acceptor that says another name in its Hello. Once.
  void start(mux_acceptor& acceptor, const std::string& host, std::uint16_t port);

  // As above for several that share the port, each on its own io_context (see
  // acceptor_options::shares_port): to the fleet they are one backend.
  void start(std::span<mux_acceptor* const> acceptors, const std::string& host, std::uint16_t port);

  // Told when an operator has written our entry's state: `draining`, or `up` again. The gateways
  // act upon it by themselves, and move our streams away; we should end when we are empty
  // (departure).
  void on_ordered(std::function<void(shard_router::backend_state)> call);

  // Says `draining` in the entry: no new streams, and the gateways move those that are here.
  // False: ZooKeeper does not answer, so that nobody hears it. After start.
  bool start_draining();

  // Takes the entry out of the map, so that no new stream is on its way while the others end;
  // `on_left` when it is gone or leave_timeout is over. Once, after start.
  void start_leaving(std::function<void()> on_left);

  // The map in force; nullptr before the first.
  shard_router::shard_map_ptr map() const;

  // Of ZooKeeper's session, the map and our entry; any thread may read them.
  const shard_router::shard_counters& counters() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace presenter::protocol
