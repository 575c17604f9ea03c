#include "gateway/balance/weights.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace presenter::gateway {
namespace {

// by_clients: it may have a record.
weight_reason standing_of(const load_report& report, const weight_policy& policy, sys_ms now) {
  if (report.state == gateway_state::drained) return weight_reason::drained;
  if (now - report.reported_at > policy.expiry) return weight_reason::expired;
  if (report.state == gateway_state::draining) return weight_reason::draining;
  if (report.state == gateway_state::unready) return weight_reason::unready;
  if (now - report.started_at < policy.blackout) return weight_reason::starting;
  return weight_reason::by_clients;
}

// Who is asked to go on when nobody may have a record: the first of these that anybody is. Those
// who are not ready may all be so for the same reason, so all of them go on as before. Of those who
// drain only one goes on, or none could ever end.
constexpr std::array last_resorts{weight_reason::starting, weight_reason::unready,
                                  weight_reason::draining, weight_reason::expired,
                                  weight_reason::drained};

using index_list = std::vector<std::size_t>;

// The one that has a record already, so that none comes back that has been removed.
std::size_t keeper_of(std::span<const load_report> reports, const index_list& draining) {
  return *std::ranges::max_element(draining, [&](std::size_t left, std::size_t right) {
    if (reports[left].weight != reports[right].weight)
      return reports[left].weight < reports[right].weight;
    return reports[left].name > reports[right].name;
  });
}

index_list with_standing(const std::vector<gateway_weight>& all, weight_reason wanted) {
  index_list found;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].reason == wanted) found.push_back(i);
  return found;
}

// Those who were the last resort do not lose their record to the first of them that is fit: all
// clients would come to that one, and it may end, or have ended, at this very moment.
void keep_records(std::span<const load_report> reports, const weight_policy& policy,
                  std::vector<gateway_weight>& all, index_list& chosen) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (reports[i].weight <= 0) continue;
    if (all[i].reason == weight_reason::starting) {
      all[i].reason = weight_reason::by_clients;
    } else if (all[i].reason == weight_reason::unready && policy.keeps_unready) {
      all[i].reason = weight_reason::last_one;
    } else {
      continue;
    }
    chosen.push_back(i);
  }
}

// Who is to have a record.
index_list choose(std::span<const load_report> reports, const weight_policy& policy,
                  std::vector<gateway_weight>& all) {
  index_list chosen = with_standing(all, weight_reason::by_clients);
  for (const weight_reason resort : last_resorts) {
    if (!chosen.empty()) break;
    chosen = with_standing(all, resort);
    if (resort == weight_reason::draining && !chosen.empty())
      chosen.assign(1, keeper_of(reports, chosen));
    for (const std::size_t i : chosen)
      all[i].reason = weight_reason::last_one;
  }
  keep_records(reports, policy, all, chosen);
  return chosen;
}

double by_clients(const load_report& report, double mean, const weight_policy& policy) {
  if (mean <= 0) return 1;
  const double weight = 1 + 2 * (mean - static_cast<double>(report.clients)) / mean;
  return std::clamp(weight, policy.floor, policy.ceiling);
}

// 1: not slow; 0: slow.
double ease_of(const load_report& report, const weight_policy& policy) {
  const double way = policy.slow_above - policy.slow_from;
  return std::clamp((policy.slow_above - pressure_of(report)) / way, 0.0, 1.0);
}

// The highest weight with which nobody gets more than twice an even share. The clamps alone do not
// see to that: of three gateways, two that are full and have the floor leave 91 % to the third.
// With the k highest cut to m: m = 2 · (k·m + the others) / n.
double share_limit(std::vector<double> weights) {
  std::ranges::sort(weights, std::greater<>());
  const auto count = static_cast<double>(weights.size());
  double others = std::accumulate(weights.begin(), weights.end(), 0.0);
  double limit = 2 * others / count;
  for (std::size_t k = 1; k < weights.size() && weights[k - 1] > limit; ++k) {
    others -= weights[k - 1];
    limit = 2 * others / (count - 2 * static_cast<double>(k));
  }
  return limit;
}

// Cuts the highest and lifts all again, so that the highest has what it had.
void limit_shares(std::vector<double>& weights) {
  const double limit = share_limit(weights);
  const double highest = *std::ranges::max_element(weights);
  if (highest <= limit) return;
  for (double& weight : weights)
    weight = std::min(weight, limit) * highest / limit;
}

}  // namespace

double pressure_of(const load_report& report) noexcept {
  const double clients = report.clients_max > 0 ? static_cast<double>(report.clients) /
                                                      static_cast<double>(report.clients_max)
                                                : 0;
  return std::min(1.0, std::max({report.cpu, report.descriptors, clients}));
}

std::vector<gateway_weight> weigh(std::span<const load_report> reports, const weight_policy& policy,
                                  sys_ms now) {
  std::vector<gateway_weight> all;
  all.reserve(reports.size());
  for (const load_report& each : reports)
    all.push_back({each.name, 0, standing_of(each, policy, now)});
  const index_list chosen = choose(reports, policy, all);
  if (chosen.empty()) return all;

  double mean = 0;
  for (const std::size_t i : chosen)
    mean += static_cast<double>(reports[i].clients);
  mean /= static_cast<double>(chosen.size());

  std::vector<double> weights;
  for (const std::size_t i : chosen) {
    const double ease = ease_of(reports[i], policy);
    const double weight = by_clients(reports[i], mean, policy);
    weights.push_back(policy.floor + (weight - policy.floor) * ease);
    if (ease == 0 && all[i].reason == weight_reason::by_clients)
      all[i].reason = weight_reason::slow;
  }
  limit_shares(weights);
  for (std::size_t i = 0; i < chosen.size(); ++i)
    all[chosen[i]].weight = weights[i];
  return all;
}

}  // namespace presenter::gateway
