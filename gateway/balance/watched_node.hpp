// The data of one znode, as new as ZooKeeper tells it: for what the elected gateway or an operator
// says to all. Knows nothing of what it means.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/life_token.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

// Life: shorter than its session. Confined to: the session's executor.
class watched_node final : public shard_router::zk_listener {
 public:
  // `on_data`: at first and after each change; nothing: there is no such node. While ZooKeeper is
  // away the last holds.
  using handler = std::function<void(const std::optional<std::string>&)>;

  watched_node(shard_router::zk_session& session, std::string_view path, handler on_data);
  ~watched_node();
  watched_node(const watched_node&) = delete;
  watched_node& operator=(const watched_node&) = delete;

 private:
  void on_session_state(shard_router::zk_state state) override;
  void on_node_event(std::string_view path) override;
  void read();
  void look_for_it();
  void retry_later();

  shard_router::zk_session& session_;
  const std::string path_;
  const handler on_data_;
  boost::asio::steady_timer retry_timer_;
  life_token life_;
  life_token reads_;  // renewed when an earlier answer is wanted no more
};

}  // namespace presenter::gateway
