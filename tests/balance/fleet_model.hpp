// A fleet of gateways behind weighted DNS, on a virtual clock in steps of one second. The decisions
// are the real ones of gateway/balance: weights, pace, shedding. Models are: clients who stay for
// some time and come back, caches of names between them and DNS, and a DNS service that takes a
// moment. One seed decides everything.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "gateway/balance/load_report.hpp"
#include "gateway/balance/publish_pace.hpp"
#include "gateway/balance/shedding.hpp"
#include "gateway/balance/weights.hpp"

namespace presenter::tests {

using std::chrono::seconds;

struct fleet_options {
  std::size_t gateways = 10;  // at the beginning
  // Of the whole fleet; it stays so: who leaves comes back.
  std::int64_t clients = 450'000;
  seconds life{3'600};  // mean time that a client stays, exponentially distributed
  seconds ttl{60};
  bool has_shedding = false;
  double shed_per_second = 0;  // 0: the default
  std::uint64_t seed = 1;
  // Parts of the caches that keep an answer for an hour whatever its TTL, or for as long as its
  // gateway takes connections. The others keep it for the TTL.
  double stubborn = 0.10;
  double pinned = 0.05;
};

// How each cache treats an answer.
enum class cache_kind : std::uint8_t { honest, stubborn, pinned };

class fleet_model {
 public:
  // A gateway's own report comes so often, and a DNS service takes so long to show a change.
  static constexpr seconds report_interval{10};
  static constexpr seconds propagation{5};
  // Of answers that an honest cache would have forgotten.
  static constexpr seconds stubborn_hold{3'600};
  // ZooKeeper's session: so long the report of a crashed gateway stays.
  static constexpr seconds session_timeout{6};
  // Of a client whose address is dead.
  static constexpr seconds retry{5};
  // Handshakes in a second for clients that were made to come back: of four workers.
  static constexpr double gateway_budget = 1'000;
  // Resolvers of providers, companies and phones, the largest with 70 times the clients of the
  // mean.
  static constexpr std::size_t caches_count = 20'000;

  explicit fleet_model(const fleet_options& options);

  void step();
  void run(seconds time);

  // Its number. It reports from now on.
  std::size_t add_gateway();
  // Its record is removed; it goes on serving and accepting.
  void drain(std::size_t gateway);
  // Its clients are back within `time`.
  void crash(std::size_t gateway, seconds time);
  // So many clients of all gateways lose their connection, evenly within `time`, and come back.
  void storm(std::int64_t clients, seconds time);
  // A machine whose CPU is busy in proportion to its clients: at this many all of it.
  void set_clients_at_full_cpu(std::size_t gateway, double clients);

  seconds now() const { return now_; }
  std::size_t gateways() const { return gateways_.size(); }
  std::int64_t clients(std::size_t gateway) const { return gateways_[gateway].clients; }
  // In the last step.
  std::int64_t arrivals(std::size_t gateway) const { return gateways_[gateway].arrivals; }
  double weight(std::size_t gateway) const;
  // Of the gateways that are up.
  double mean() const;
  bool is_up(std::size_t gateway) const;
  std::int64_t closed_by_shedding() const { return closed_; }
  std::size_t publications() const { return publications_; }

 private:
  struct cache {
    seconds expires;
    std::uint16_t gateway;
    cache_kind kind;
  };
  struct gateway_model {
    gateway::load_report report;  // as the fleet has it
    std::int64_t clients = 0;
    std::int64_t arrivals = 0;
    bool is_alive = true;
    std::optional<seconds> report_ends;
    double clients_at_full_cpu = 0;  // 0: it has CPU enough
    double cpu = 0.2;                // smoothed
    std::unique_ptr<gateway::shed_run> shed;
  };

  void make_caches();
  void report(gateway_model& of);
  void refresh_reports();
  std::vector<gateway::load_report> reports() const;
  void publish(const std::vector<gateway::load_report>& known);
  void shed(const std::vector<gateway::load_report>& known);
  void leave();
  void close_one_of_all();
  void come_back();
  void arrive();
  cache& some_cache();
  std::uint16_t answer();
  double uniform();
  gateway::sys_ms wall_clock() const;
  gateway::publish_pace::time_point steady_clock() const;

  const fleet_options options_;
  std::mt19937_64 random_;
  seconds now_{0};
  std::vector<gateway_model> gateways_;
  std::vector<cache> caches_;
  std::vector<double> alias_share_;  // Walker's alias method: a cache in constant time
  std::vector<std::uint32_t> alias_;
  gateway::publish_pace pace_;
  gateway::dns_state shown_;  // by the DNS service
  std::optional<gateway::dns_state> under_way_;
  seconds shown_at_{0};
  std::vector<double> shares_;              // of shown_, summed up
  std::map<seconds, std::int64_t> coming_;  // clients that connect then
  std::int64_t storm_clients_ = 0;
  seconds storm_left_{0};
  std::int64_t closed_ = 0;
  std::size_t publications_ = 0;
};

}  // namespace presenter::tests
