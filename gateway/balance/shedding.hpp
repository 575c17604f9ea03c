// Shedding: gateways with more clients than the mean close some, who come back by DNS. DNS alone
// sends a new gateway nobody but those who connect anyhow, which takes hours where clients stay for
// hours. It is the only thing in this folder that disconnects somebody. Pure. See: README.md,
// Shedding.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gateway/balance/load_report.hpp"
#include "gateway/balance/weights.hpp"

namespace presenter::gateway {

struct shed_policy {
  // Nobody sheds while the fullest gateway has at most this times the mean, and the emptiest at
  // least the mean divided by it. Above 1.
  double ratio = 1.25;
  // Clients that the whole fleet closes in a second. 0: all of them in full_pass, so that the
  // weights, which follow within a TTL, can steer those who come back.
  double per_second = 0;
  // Handshakes in a second that one gateway spends on clients that were made to come back; the
  // fleet's budget comes from it, and is the limit of per_second.
  double gateway_budget = 250;
  // How long a gateway must have run to count: until its record has reached every cache, the
  // clients that are closed for it would come back to where they were. The blackout, interval and
  // TTL of its record.
  std::chrono::milliseconds newcomer_grace = std::chrono::seconds(100);
  std::chrono::seconds full_pass = std::chrono::minutes(10);
};

struct shed_order {
  std::string name;
  std::int64_t excess = 0;  // clients above the mean
  double per_second = 0;    // its own part
};

struct shed_plan {
  std::vector<shed_order> orders;  // in the order of the reports; empty: nobody sheds
  double per_second = 0;           // of the fleet
  double imbalance = 1;            // what shed_policy::ratio is held against
  // Until it is balanced: of those who are closed, the weights send many back to where they were.
  // 0 without orders; nothing: never, at this pace and these weights.
  std::optional<std::chrono::seconds> eta = std::chrono::seconds(0);
};

// Gateways that are not to have a record, are too new or are slow neither shed nor count.
shed_plan plan_shedding(std::span<const load_report> reports, const shed_policy& policy,
                        const weight_policy& weights, sys_ms now);

// The fleet's handshakes in a second for clients that were made to come back. Half of what its
// gateways have together, for the emptiest gets up to twice an even share.
double fleet_budget(std::size_t gateways, double gateway_budget) noexcept;

// One gateway's part in a run of shedding: how many clients it closes now. A run closes nobody
// twice: its owner takes the client that has been idle for longest, and the run ends at the latest
// when it has closed as many as there were. Pinned clients come back for ever.
// Confined to: one thread.
class shed_run {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  shed_run(std::int64_t clients, std::uint32_t seed) : left_(clients), random_(seed) {}

  // A new plan's pace; 0: it has no order for us.
  void set_pace(double per_second, time_point now);

  // How many to close at this moment; they count as closed.
  std::int64_t take(time_point now);

  // When take() has the next one; nothing: no pace, or it is over.
  std::optional<time_point> next() const;

  std::int64_t closed() const { return closed_; }
  // It has closed as many as there were when it began: more of it would not help.
  bool is_exhausted() const { return left_ <= 0; }

 private:
  std::chrono::duration<double> next_gap();

  double per_second_ = 0;
  std::int64_t left_;
  std::int64_t closed_ = 0;
  time_point due_{};
  std::minstd_rand random_;
};

}  // namespace presenter::gateway
