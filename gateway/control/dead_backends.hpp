// Takes backends that have died out of the shard map, seconds before ZooKeeper sees the end of
// their sessions: when every worker's links to one have been broken by its host, and the host
// refuses new connections, the process is gone. A link that breaks without a refusal proves
// nothing. See: gateway/moves/README.md, When a backend crashes.
#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "gateway/vocabulary/removal_result.hpp"
#include "shard_router/router.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

using removal_counts = std::array<std::uint64_t, removal_result_names.size()>;

// Life: shorter than all that it was given. Confined to: the control thread.
// Bounds: one entry for each backend of the map; one request a second for each of them.
class dead_backends {
 public:
  // `has_links`: some backend has one to this gateway.
  dead_backends(shard_router::zk_session& session, const shard_router::router& shards,
                std::size_t workers, std::function<bool()> has_links);

  // All of a worker's links to this backend have been broken, and connecting has been refused.
  // Told again and again, as often as it tries.
  void on_refused(std::size_t worker, const shard_router::backend_entry& of);
  // It has one again.
  void on_link_up(std::size_t worker, const shard_router::backend_entry& of);

  const removal_counts& counts() const { return counts_; }

 private:
  using clock = std::chrono::steady_clock;

  struct suspect {
    shard_router::backend_entry process;
    std::vector<bool> is_refused;  // by worker
    clock::time_point ask_after{};
  };

  bool is_on_the_map(const shard_router::backend_entry& process) const;
  void forget_gone();
  void remove(const shard_router::backend_entry& process);
  void check(const shard_router::backend_entry& process, boost::system::error_code failed,
             const std::string& data, const shard_router::zk_stat& stat);
  void end(const shard_router::backend_entry& process, removal_result result,
           const std::string& why = {});

  shard_router::zk_session& session_;
  const shard_router::router& shards_;
  const std::size_t workers_;
  const std::function<bool()> has_links_;
  std::map<std::string, suspect, std::less<>> suspects_;  // by name
  // Processes that were removed, and when: one that registers again stays.
  std::map<std::string, clock::time_point> removed_;  // by instance
  removal_counts counts_{};
  std::vector<log_pace> said_ = std::vector(removal_result_names.size(), log_pace(10));
  life_token life_;
};

}  // namespace presenter::gateway
