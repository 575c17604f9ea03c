// Which gateway publishes for the fleet: ZooKeeper's usual election. Each candidate makes an
// ephemeral node with a number, the lowest leads, and each watches only the one before it, so that
// an end wakes one gateway and not all. Knows nothing of DNS.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

// Life: shorter than its session. Confined to: the session's executor.
// That it leads is what it knew last: a process that was stopped for a minute finds its node gone
// only when it asks. So what only the leader may do goes through write_as_leader.
class leader_election final : public shard_router::zk_listener {
 public:
  using done_handler = std::function<void(boost::system::error_code)>;

  // `name`: in the node, for people. `on_changed`: is_leader() has changed. `stem`: of the
  // candidate that an earlier process has made in this session; empty: there is none.
  leader_election(shard_router::zk_session& session, std::string name,
                  std::function<void()> on_changed, std::string stem = {});
  ~leader_election();
  leader_election(const leader_election&) = delete;
  leader_election& operator=(const leader_election&) = delete;

  // What our candidate's name begins with.
  const std::string& stem() const { return stem_; }

  // False as soon as ZooKeeper is away.
  bool is_leader() const { return is_leader_; }

  // The czxid of our node: a later leader has a higher one. 0: we do not lead.
  std::int64_t fence() const { return is_leader_ ? fence_ : 0; }

  // Writes `path` if our node is still there by ZooKeeper's own judgement. With no error we led at
  // a moment between the call and the answer. Without an answer `done` is not called.
  void write_as_leader(const std::string& path, const std::string& data, done_handler done);

 private:
  void on_session_state(shard_router::zk_state state) override;
  void on_node_event(std::string_view path) override;

  void step();
  void on_candidates(const std::vector<std::string>& names);
  void make_parent();
  void make_candidate();
  void wait_for(const std::string& before);
  void look_at_own();
  void set_leader(bool is_leader);
  void retry_later(const boost::system::error_code& failed);

  shard_router::zk_session& session_;
  const std::string name_;
  const std::function<void()> on_changed_;
  // Of our node's name: found again after a create whose answer was lost. Another one for each
  // session, so that a leftover of an earlier one is not taken for ours.
  std::string stem_;
  std::string own_path_;     // empty: not known
  std::string before_path_;  // whom we watch
  bool is_leader_ = false;
  std::int64_t fence_ = 0;
  boost::asio::steady_timer retry_timer_;
  log_pace failures_said_{1, std::chrono::minutes(1)};
  life_token life_;
  life_token requests_;  // of one look at the candidates
};

}  // namespace presenter::gateway
