// How many of the new clients each gateway is to get: from the load reports to DNS weights. Pure:
// reports and the time in, weights out. See: README.md, The weight.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/load_report.hpp"

namespace presenter::gateway {

struct weight_policy {
  // Of a gateway that has too much already, [balance] floor. Above 0: with nobody new at all, its
  // number of clients would say nothing any more about how it is found.
  double floor = 0.1;
  // At twice an even share a storm of reconnecting clients does not crush a newcomer.
  double ceiling = 2;
  // Of CPU, descriptors or clients_max: from slow_above on a gateway has the floor. The way down
  // begins at slow_from. A step, or a short way, is steeper than caches follow, and would send it
  // up and down for ever: tests/balance.
  double slow_from = 0.6;
  double slow_above = 0.85;
  // After its start, so that its links are up and its first report is true. Who has a record by
  // then keeps it.
  std::chrono::milliseconds blackout = std::chrono::seconds(10);
  // Nobody was fit to serve until a moment ago: who is not ready yet keeps the record it has.
  bool keeps_unready = false;
  // A report that is older says nothing. Reports come every few seconds; a process that makes none
  // for so long hangs, though its session with ZooKeeper may live.
  std::chrono::milliseconds expiry = std::chrono::minutes(3);
};

// Why a gateway has its weight.
enum class weight_reason : std::uint8_t {
  by_clients,
  slow,      // CPU, descriptors or clients_max
  last_one,  // nobody is fit to serve, and it is the best of those who are there
  starting,  // these and the following: no record
  unready,
  draining,
  drained,
  expired,
};

inline constexpr std::array<std::string_view, 8> weight_reason_names{
    "by_clients", "slow", "last_one", "starting", "unready", "draining", "drained", "expired"};

constexpr std::string_view name_of(weight_reason value) noexcept {
  return weight_reason_names[static_cast<std::size_t>(value)];
}

struct gateway_weight {
  std::string name;
  double weight = 0;  // floor … ceiling; 0: it is to have no record
  weight_reason reason = weight_reason::by_clients;
};

// One for each report, in their order. Unless there are no reports, somebody has a weight above 0.
// `now` and the reports' times are of one clock, best one that is never set: see as_heard.
std::vector<gateway_weight> weigh(std::span<const load_report> reports, const weight_policy& policy,
                                  sys_ms now);

// How much of what it has a gateway uses: the largest of CPU, descriptors and clients, 0 … 1.
double pressure_of(const load_report& report) noexcept;

}  // namespace presenter::gateway
