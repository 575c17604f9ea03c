#include "gateway/balance/shedding.hpp"

#include <algorithm>
#include <cmath>

namespace presenter::gateway {
namespace {

struct shed_member {
  const load_report* report;
  double weight;
  double excess;  // above the mean, perhaps negative
};

std::vector<shed_member> members_of(std::span<const load_report> reports, const shed_policy& policy,
                                    const weight_policy& weights, sys_ms now) {
  std::vector<shed_member> members;
  const auto all = weigh(reports, weights, now);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const bool is_settled = now - reports[i].started_at >= policy.newcomer_grace;
    if (all[i].reason == weight_reason::by_clients && is_settled)
      members.push_back({&reports[i], all[i].weight, 0});
  }
  return members;
}

double mean_of(const std::vector<shed_member>& members) {
  double clients = 0;
  for (const shed_member& each : members)
    clients += static_cast<double>(each.report->clients);
  return members.empty() ? 0 : clients / static_cast<double>(members.size());
}

// 1: all have the same, or differ by no more than chance makes them, which is much of a mean of a
// few clients.
double imbalance_of(const std::vector<shed_member>& members, double mean) {
  double worst = 1;
  for (const shed_member& each : members) {
    const auto clients = static_cast<double>(each.report->clients);
    if (std::abs(clients - mean) <= 3 * std::sqrt(mean)) continue;
    worst = std::max({worst, clients / mean, clients > 0 ? mean / clients : HUGE_VAL});
  }
  return worst;
}

double pace_of(const shed_policy& policy, std::size_t members, double clients) {
  const double wanted = policy.per_second > 0
                            ? policy.per_second
                            : clients / std::chrono::duration<double>(policy.full_pass).count();
  return std::min(wanted, fleet_budget(members, policy.gateway_budget));
}

// How many clients leave those who have too many, for one that is closed: the others' part of the
// weights.
double yield_of(const std::vector<shed_member>& members) {
  double all = 0;
  double others = 0;
  for (const shed_member& each : members) {
    all += each.weight;
    if (each.excess <= 0) others += each.weight;
  }
  return all > 0 ? others / all : 0;
}

}  // namespace

double fleet_budget(std::size_t gateways, double gateway_budget) noexcept {
  return static_cast<double>(gateways) * gateway_budget / 2;
}

shed_plan plan_shedding(std::span<const load_report> reports, const shed_policy& policy,
                        const weight_policy& weights, sys_ms now) {
  shed_plan plan;
  std::vector<shed_member> members = members_of(reports, policy, weights, now);
  const double mean = mean_of(members);
  if (members.size() < 2 || mean <= 0) return plan;
  plan.imbalance = imbalance_of(members, mean);
  if (plan.imbalance <= policy.ratio) return plan;

  double excess = 0;
  for (shed_member& each : members) {
    each.excess = static_cast<double>(each.report->clients) - mean;
    excess += std::max(each.excess, 0.0);
  }
  plan.per_second = pace_of(policy, members.size(), mean * static_cast<double>(members.size()));
  for (const shed_member& each : members) {
    if (each.excess <= 0) continue;
    plan.orders.push_back(
        {each.report->name, std::llround(each.excess), plan.per_second * each.excess / excess});
  }
  const double yield = yield_of(members) * plan.per_second;
  plan.eta =
      yield > 0 ? std::optional(std::chrono::seconds(std::llround(excess / yield))) : std::nullopt;
  return plan;
}

void shed_run::set_pace(double per_second, time_point now) {
  const bool was_idle = per_second_ <= 0;
  per_second_ = per_second;
  if (per_second_ <= 0) return;
  const auto at = now + std::chrono::duration_cast<time_point::duration>(next_gap());
  // A pace that is set again and again must not put the next one off for ever.
  due_ = was_idle ? at : std::min(due_, at);
}

std::int64_t shed_run::take(time_point now) {
  std::int64_t count = 0;
  while (next() && due_ <= now) {
    ++count;
    --left_;
    ++closed_;
    due_ += std::chrono::duration_cast<time_point::duration>(next_gap());
  }
  return count;
}

std::optional<shed_run::time_point> shed_run::next() const {
  if (per_second_ <= 0 || is_exhausted()) return std::nullopt;
  return due_;
}

// From half of the mean gap to one and a half of it, so that gateways do not close in step.
std::chrono::duration<double> shed_run::next_gap() {
  return std::chrono::duration<double>(std::uniform_real_distribution<double>(0.5, 1.5)(random_) /
                                       per_second_);
}

}  // namespace presenter::gateway
