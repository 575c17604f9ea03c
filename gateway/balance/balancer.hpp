// Brings the rest of this folder to life: tells this gateway's load to the fleet, and, when it is
// elected, publishes the fleet's records. Without ZooKeeper it publishes its own. Where clients are
// and which DNS service there is, it is told by its owner.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "gateway/balance/cpu_average.hpp"
#include "gateway/balance/dns_publisher.hpp"
#include "gateway/balance/fleet_reports.hpp"
#include "gateway/balance/leader_election.hpp"
#include "gateway/balance/load_report.hpp"
#include "gateway/balance/publication.hpp"
#include "gateway/balance/publish_pace.hpp"
#include "gateway/balance/shedder.hpp"
#include "gateway/balance/watched_node.hpp"
#include "gateway/balance/weights.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/balance_facts.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

// What the gateway has on it now.
struct gateway_load {
  std::int64_t clients = 0;
  std::int64_t clients_max = 0;
  std::int64_t handshake_backlog = 0;
  double descriptors = 0;  // share of those it may open
  bool is_ready = false;   // a client that came now would be served
};

// What the fleet knows of this gateway, for the process that takes this one's place: to the others
// it is no newcomer.
struct balancer_past {
  sys_ms started_at{};
  bool has_been_ready = false;
  std::string candidate;  // see leader_election; empty: none
  double cpu = 0;         // its average, by which DNS sends clients here
};

struct balancer_setup {
  std::string name;  // of the gateway
  dns_config dns;
  balance_config balance;
  double cores = 1;  // that the process may use
  std::function<gateway_load()> look;
  // A new one for each term as leader, for what an earlier one knows of the zone is outdated by
  // then. Empty: nothing is published.
  std::function<std::unique_ptr<dns_publisher>()> make_publisher;
  // Closes so many clients, those that have been idle for longest.
  std::function<void(std::int64_t)> close_clients;
  std::optional<balancer_past> past;  // of the process before; nothing: there was none
};

// Life: the server's; ends before the session with ZooKeeper. Confined to: the control thread.
class balancer {
 public:
  balancer(boost::asio::io_context& control, balancer_setup setup);
  ~balancer();
  balancer(const balancer&) = delete;
  balancer& operator=(const balancer&) = delete;

  // `session`: ZooKeeper's; nullptr: there is none, and the gateway is alone.
  void start(shard_router::zk_session* session);
  void stop();

  // The record is to go, and to stay away until restore(). It goes on trying.
  void withdraw();
  void restore();
  // Behind withdraw(): for the fleet to know.
  void mark_drained();
  // The record is known to be gone.
  bool is_withdrawn() const;
  // It is to go and stays, for no other gateway could take its clients.
  bool is_last() const;
  // Why a record that is to go is still there, in words; empty: nothing is wrong yet.
  std::string obstacle() const;

  // All gateways that are known, this one first.
  std::vector<load_report> fleet() const;

  balancer_past past() const;
  balance_facts facts() const;
  // Of [admin]: JSON, an object.
  std::string page() const;

 private:
  void wait_tick();
  void tick();
  void tick_soon();
  void note_weight();
  std::vector<gateway_weight> weigh_fleet(const std::vector<load_report>& reports) const;
  load_report make_report() const;
  void note_readiness(bool is_ready);
  gateway_state state() const;

  std::optional<double> published_weight(std::string_view name) const;
  std::optional<double> published_weight() const;  // its own

  bool is_publishing() const { return publisher_ != nullptr; }
  void on_leader_changed();
  void begin_term();
  void end_term();
  bool knows_fleet() const;
  bool has_cause_to_publish() const;
  dns_state desired() const;
  void step_publish();
  void confirm_and_publish();
  void publish_now();
  void on_published(const dns_state& state, const publish_result& result);
  void tell_published();
  publication publication_of(const dns_state& state) const;
  void on_publication(const std::optional<std::string>& text);
  void check_publisher();
  void shed();
  void on_order(const std::optional<std::string>& text);
  void tell_result(const dns_state& state, const publish_result& result);

  boost::asio::io_context& control_;
  const balancer_setup setup_;
  const weight_policy weights_;
  const sys_ms started_at_;

  cpu_average cpu_;
  gateway_load load_;
  bool has_been_ready_ = false;
  std::optional<sys_ms> unready_since_;
  std::optional<sys_ms> fit_since_;  // somebody of the fleet; nothing: nobody is
  bool is_withdrawal_wanted_ = false;
  bool is_drained_ = false;

  shard_router::zk_session* session_ = nullptr;
  std::unique_ptr<fleet_reports> reports_;      // nullptr: alone
  std::unique_ptr<leader_election> election_;   // nullptr: alone, or nothing is published
  std::unique_ptr<watched_node> publications_;  // as election_
  std::unique_ptr<watched_node> orders_;        // to share out the clients anew; as reports_
  std::optional<publication> publication_;      // as ZooKeeper has it

  // While this gateway publishes.
  std::unique_ptr<dns_publisher> publisher_;
  std::unique_ptr<publish_pace> pace_;
  bool is_confirming_ = false;
  bool is_told_ = true;  // what was published last, to the fleet
  life_token term_;

  shedder shedder_;
  std::unique_ptr<dns_publisher> checked_;  // until its check has ended
  std::optional<sys_ms> published_at_;
  std::optional<publish_result> last_result_;
  balance_facts counts_;
  struct {
    log_pace published{20, std::chrono::minutes(1)};
    log_pace failed{3, std::chrono::minutes(1)};
    log_pace terms{20, std::chrono::minutes(1)};
    log_pace stale{3, std::chrono::minutes(1)};
  } said_;
  boost::asio::steady_timer timer_;
  life_token life_;
};

}  // namespace presenter::gateway
