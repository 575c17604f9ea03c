#include "fleet_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace presenter::tests {

using gateway::gateway_state;
using gateway::load_report;

namespace {

// "g01": names sort as numbers do.
std::string name_of_gateway(std::size_t number) {
  std::string digits = std::to_string(number);
  return "g" + std::string(digits.size() < 2 ? 1 : 0, '0') + digits;
}

std::string address_of_gateway(std::size_t number) {
  return "192.0.2." + std::to_string(number + 1);
}

}  // namespace

fleet_model::fleet_model(const fleet_options& options)
    : options_(options),
      random_(options.seed),
      pace_({}, static_cast<std::uint32_t>(options.seed)) {
  for (std::size_t i = 0; i < options.gateways; ++i) {
    gateway_model& added = gateways_[add_gateway()];
    added.clients = options.clients / static_cast<std::int64_t>(options.gateways);
    added.report.started_at -= std::chrono::hours(24);
    report(added);
  }
  publish(reports());
  shown_ = *under_way_;
  make_caches();
}

void fleet_model::run(seconds time) {
  for (const seconds end = now_ + time; now_ < end;)
    step();
}

void fleet_model::step() {
  ++now_;
  for (gateway_model& each : gateways_)
    each.arrivals = 0;
  leave();
  refresh_reports();
  const std::vector<load_report> known = reports();
  publish(known);
  if (options_.has_shedding) shed(known);
  come_back();
}

std::size_t fleet_model::add_gateway() {
  const std::size_t number = gateways_.size();
  gateway_model added;
  added.report.name = name_of_gateway(number);
  added.report.addresses = {address_of_gateway(number)};
  added.report.state = gateway_state::up;
  added.report.started_at = wall_clock();
  gateways_.push_back(std::move(added));
  report(gateways_.back());
  return number;
}

void fleet_model::drain(std::size_t gateway) {
  gateways_[gateway].report.state = gateway_state::draining;
  report(gateways_[gateway]);
}

void fleet_model::crash(std::size_t gateway, seconds time) {
  gateway_model& gone = gateways_[gateway];
  gone.is_alive = false;
  gone.report_ends = now_ + session_timeout;
  for (; gone.clients > 0; --gone.clients)
    ++coming_[now_ + seconds(1 + static_cast<std::int64_t>(uniform() *
                                                           static_cast<double>(time.count())))];
}

void fleet_model::storm(std::int64_t clients, seconds time) {
  storm_clients_ = clients;
  storm_left_ = time;
}

void fleet_model::set_clients_at_full_cpu(std::size_t gateway, double clients) {
  gateways_[gateway].clients_at_full_cpu = clients;
}

double fleet_model::weight(std::size_t gateway) const {
  for (const auto& each : shown_.records)
    if (each.name_of_gateway == gateways_[gateway].report.name) return each.weight;
  return 0;
}

bool fleet_model::is_up(std::size_t gateway) const {
  return gateways_[gateway].is_alive && gateways_[gateway].report.state == gateway_state::up;
}

double fleet_model::mean() const {
  double clients = 0;
  double count = 0;
  for (std::size_t i = 0; i < gateways_.size(); ++i) {
    if (!is_up(i)) continue;
    clients += static_cast<double>(gateways_[i].clients);
    ++count;
  }
  return clients / count;
}

// The number of clients behind the caches falls as the square root of their rank rises.
void fleet_model::make_caches() {
  std::vector<double> clients;
  double sum = 0;
  for (std::size_t i = 0; i < caches_count; ++i) {
    clients.push_back(1 / std::sqrt(static_cast<double>(i + 1)));
    sum += clients.back();
  }
  alias_share_.resize(caches_count);
  alias_.resize(caches_count);
  std::vector<std::uint32_t> below;
  std::vector<std::uint32_t> above;
  for (std::uint32_t i = 0; i < caches_count; ++i) {
    alias_share_[i] = clients[i] / sum * static_cast<double>(caches_count);
    (alias_share_[i] < 1 ? below : above).push_back(i);
  }
  while (!below.empty() && !above.empty()) {
    const std::uint32_t small = below.back();
    const std::uint32_t large = above.back();
    below.pop_back();
    alias_[small] = large;
    alias_share_[large] -= 1 - alias_share_[small];
    if (alias_share_[large] < 1) {
      above.pop_back();
      below.push_back(large);
    }
  }
  for (const std::uint32_t each : below)
    alias_share_[each] = 1;
  for (const std::uint32_t each : above)
    alias_share_[each] = 1;

  for (std::size_t i = 0; i < caches_count; ++i) {
    const double kind = uniform();
    cache made{seconds(0), answer(), cache_kind::honest};
    if (kind < options_.pinned) {
      made.kind = cache_kind::pinned;
    } else if (kind < options_.pinned + options_.stubborn) {
      made.kind = cache_kind::stubborn;
    }
    const seconds hold =
        made.kind == cache_kind::stubborn ? std::max(stubborn_hold, options_.ttl) : options_.ttl;
    made.expires =
        seconds(static_cast<std::int64_t>(uniform() * static_cast<double>(hold.count())));
    caches_.push_back(made);
  }
}

void fleet_model::report(gateway_model& of) {
  if (of.clients_at_full_cpu > 0) {
    // Smoothed over two minutes.
    const double busy = std::min(1.0, static_cast<double>(of.clients) / of.clients_at_full_cpu);
    of.cpu += (busy - of.cpu) * static_cast<double>(report_interval.count()) / 120;
  }
  of.report.clients = of.clients;
  of.report.cpu = of.cpu;
  of.report.weight = weight(static_cast<std::size_t>(&of - gateways_.data()));
  of.report.reported_at = wall_clock();
}

// Each at its own second.
void fleet_model::refresh_reports() {
  for (std::size_t i = 0; i < gateways_.size(); ++i) {
    const auto phase = now_ + seconds(static_cast<std::int64_t>(i));
    if (gateways_[i].is_alive && phase % report_interval == seconds(0)) report(gateways_[i]);
  }
}

std::vector<load_report> fleet_model::reports() const {
  std::vector<load_report> known;
  for (const gateway_model& each : gateways_)
    if (each.is_alive || now_ < each.report_ends) known.push_back(each.report);
  return known;
}

void fleet_model::publish(const std::vector<load_report>& known) {
  if (under_way_ && now_ >= shown_at_) {
    shown_ = *std::exchange(under_way_, std::nullopt);
    pace_.end({}, steady_clock());
    shares_.clear();
  }
  gateway::dns_state desired{.record_name = "chat.example", .ttl = options_.ttl, .records = {}};
  const auto weights = gateway::weigh(known, {}, wall_clock());
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (weights[i].weight <= 0) continue;
    desired.records.push_back(
        {known[i].name, boost::asio::ip::make_address(known[i].addresses[0]), weights[i].weight});
  }
  pace_.want(std::move(desired));
  if (pace_.next() && *pace_.next() <= steady_clock()) {
    under_way_ = pace_.begin(steady_clock());
    shown_at_ = now_ + propagation;
    ++publications_;
  }
}

void fleet_model::shed(const std::vector<load_report>& known) {
  gateway::shed_policy policy;
  policy.gateway_budget = gateway_budget;
  policy.per_second = options_.shed_per_second;
  policy.newcomer_grace = seconds(10 + 30) + options_.ttl;
  const auto plan = gateway::plan_shedding(known, policy, {}, wall_clock());
  for (gateway_model& each : gateways_) {
    const auto order = std::ranges::find(plan.orders, each.report.name, &gateway::shed_order::name);
    if (order == plan.orders.end()) {
      each.shed = nullptr;
      continue;
    }
    if (!each.shed) {
      each.shed =
          std::make_unique<gateway::shed_run>(each.clients, static_cast<std::uint32_t>(random_()));
    }
    each.shed->set_pace(order->per_second, steady_clock());
    const std::int64_t count = std::min(each.shed->take(steady_clock()), each.clients);
    each.clients -= count;
    closed_ += count;
    coming_[now_] += count;
  }
}

// Whose time is over, and whom a storm has cut off.
void fleet_model::leave() {
  std::int64_t clients = 0;
  for (const gateway_model& each : gateways_)
    clients += each.clients;
  std::poisson_distribution<std::int64_t> count(static_cast<double>(clients) /
                                                static_cast<double>(options_.life.count()));
  for (std::int64_t left = count(random_); left > 0; --left)
    close_one_of_all();
  if (storm_left_ > seconds(0)) {
    const std::int64_t now = storm_clients_ / storm_left_.count();
    for (std::int64_t left = now; left > 0; --left)
      close_one_of_all();
    storm_clients_ -= now;
    --storm_left_;
  }
}

void fleet_model::close_one_of_all() {
  std::int64_t clients = 0;
  for (const gateway_model& each : gateways_)
    clients += each.clients;
  auto which = static_cast<std::int64_t>(uniform() * static_cast<double>(clients));
  for (gateway_model& each : gateways_) {
    if (which < each.clients) {
      --each.clients;
      ++coming_[now_];
      return;
    }
    which -= each.clients;
  }
}

void fleet_model::come_back() {
  while (!coming_.empty() && coming_.begin()->first <= now_) {
    const std::int64_t count = coming_.begin()->second;
    coming_.erase(coming_.begin());
    for (std::int64_t left = count; left > 0; --left)
      arrive();
  }
}

void fleet_model::arrive() {
  cache& used = some_cache();
  const bool is_stale =
      used.kind == cache_kind::pinned ? !gateways_[used.gateway].is_alive : now_ >= used.expires;
  if (is_stale) {
    used.gateway = answer();
    used.expires = now_ + (used.kind == cache_kind::stubborn ? std::max(stubborn_hold, options_.ttl)
                                                             : options_.ttl);
  }
  gateway_model& found = gateways_[used.gateway];
  if (!found.is_alive) {
    ++coming_[now_ + retry];
    return;
  }
  ++found.clients;
  ++found.arrivals;
}

fleet_model::cache& fleet_model::some_cache() {
  const double place = uniform() * static_cast<double>(caches_count);
  const auto which = static_cast<std::size_t>(place);
  return caches_[place - static_cast<double>(which) < alias_share_[which] ? which : alias_[which]];
}

// What DNS says to a cache that asks.
std::uint16_t fleet_model::answer() {
  if (shares_.empty()) {
    shares_.assign(gateways_.size(), 0);
    double sum = 0;
    for (std::size_t i = 0; i < gateways_.size(); ++i)
      shares_[i] = sum += weight(i);
  }
  const double which = uniform() * shares_.back();
  return static_cast<std::uint16_t>(std::ranges::upper_bound(shares_, which) - shares_.begin());
}

double fleet_model::uniform() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

gateway::sys_ms fleet_model::wall_clock() const {
  return gateway::sys_ms(std::chrono::hours(500'000) + now_);
}

gateway::publish_pace::time_point fleet_model::steady_clock() const {
  return gateway::publish_pace::time_point(std::chrono::hours(1) + now_);
}

}  // namespace presenter::tests
