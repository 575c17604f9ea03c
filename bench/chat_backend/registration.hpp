// The chat server's entry in ZooKeeper, if it is told to have one: registered for as long as the
// process wants to be found, taken out first when it leaves.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "shard_router/shard_map.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::chat_backend {

// How long the leave may take; without ZooKeeper the node goes with its session.
inline constexpr std::chrono::seconds leave_deadline{2};

// Life: shorter than its io_context. Confined to: the io_context's one thread.
class registration {
 public:
  // Registers at once and whenever ZooKeeper is back. Throws std::invalid_argument for a
  // `zookeeper` that is not HOST:PORT,…/chroot and for an entry out of limits.
  registration(boost::asio::io_context&, const std::string& zookeeper, shard_router::server self);

  // Takes the entry out; `on_left` when it is gone or leave_deadline is over. Once.
  void start_leaving(std::function<void()> on_left);

 private:
  void finish_leaving();

  shard_router::zk_session session_;
  shard_router::zk_registration entry_;
  boost::asio::steady_timer deadline_;
  std::function<void()> on_left_;
};

}  // namespace presenter::chat_backend
