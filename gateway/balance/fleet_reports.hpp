// The load reports of the fleet in ZooKeeper: keeps this gateway's, gateways/<name>, and reads all
// others, with watches. Whose node it is, is decided by who owns it, never by its being there. What
// the reports are good for is not known here.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "gateway/balance/load_report.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

// The time of reports as_heard: a clock that nobody sets.
sys_ms steady_now();

// Another report is worth a write: each wakes all gateways of the fleet.
bool is_news(const load_report& told, const load_report& now);

// Life: shorter than its session. If it ends before, the node stays until the session ends.
// Confined to: the session's executor.
// Bounds: fleet_gateways_max reports; others are left out.
class fleet_reports final : public shard_router::zk_listener {
 public:
  static constexpr std::size_t fleet_gateways_max = 1'000;

  fleet_reports(shard_router::zk_session& session, std::string name);
  ~fleet_reports();
  fleet_reports(const fleet_reports&) = delete;
  fleet_reports& operator=(const fleet_reports&) = delete;

  // This gateway's newest. Written when it is news, or the last one is old.
  void tell(const load_report& own);

  // Of all others, as heard; of ours only if its name is taken. While ZooKeeper is away: those that
  // were known last.
  std::vector<load_report> others() const;

  // When the session began, if it is connected and every report has been read that the list names;
  // nothing: not so. A reconnect begins no session.
  std::optional<sys_ms> complete_since() const;

  // A gateway that started later has our name. It keeps it until it leaves.
  bool is_name_taken() const { return is_name_taken_; }

  std::uint64_t rejected() const { return rejected_; }

 private:
  struct entry {
    bool is_known = false;  // read since the session is connected
    std::int64_t mzxid = 0;
    std::optional<load_report> report;  // nothing: unreadable
  };

  void on_session_state(shard_router::zk_state state) override;
  void on_node_event(std::string_view path) override;

  // Our own node.
  void check();
  void on_node(boost::system::error_code failed, const std::string& data,
               const shard_router::zk_stat& stat);
  void on_foreign_node(const std::string& data, const shard_router::zk_stat& stat);
  void create();
  void create_parent();
  void after_change(boost::system::error_code failed);
  std::string take_wanted();

  // Those of others.
  void list();
  void on_list(const std::vector<std::string>& names);
  void read(const std::string& name);
  void on_read(const std::string& name, boost::system::error_code failed, const std::string& data,
               const shard_router::zk_stat& stat);

  void retry_later(boost::system::error_code failed);

  shard_router::zk_session& session_;
  const std::string name_;
  const std::string path_;

  std::optional<load_report> wanted_;
  std::optional<load_report> told_;  // as it was written last
  bool is_busy_ = false;             // a request about our own node is under way
  bool is_check_due_ = false;
  bool was_created_ = false;  // ever
  bool is_name_taken_ = false;

  std::map<std::string, entry, std::less<>> entries_;
  bool is_listed_ = false;  // and no watch of the list has fired since
  std::int64_t session_id_ = 0;
  sys_ms session_began_{};

  std::uint64_t rejected_ = 0;
  boost::asio::steady_timer retry_timer_;
  struct {
    log_pace failures{1, std::chrono::minutes(1)};
    log_pace taken{5, std::chrono::minutes(1)};
    log_pace rejected{10, std::chrono::minutes(1)};
  } said_;
  life_token life_;
  life_token requests_;  // renewed when the session goes
};

}  // namespace presenter::gateway
