#include "scenarios.hpp"

#include <algorithm>

namespace presenter::tests {
namespace {

// As parts of the mean, of the gateways that are up, but for one.
struct extremes {
  double highest = 0;
  double lowest = 1;
};

void look(const fleet_model& fleet, std::size_t except, extremes& seen) {
  const double mean = fleet.mean();
  for (std::size_t i = 0; i < fleet.gateways(); ++i) {
    if (i == except || !fleet.is_up(i)) continue;
    const double part = static_cast<double>(fleet.clients(i)) / mean;
    seen.highest = std::max(seen.highest, part);
    seen.lowest = std::min(seen.lowest, part);
  }
}

double arrivals_in(fleet_model& fleet, std::size_t gateway, seconds time) {
  std::int64_t arrivals = 0;
  for (seconds left = time; left > seconds(0); --left) {
    fleet.step();
    arrivals += fleet.arrivals(gateway);
  }
  return static_cast<double>(arrivals) / static_cast<double>(time.count());
}

std::int64_t clients_for(std::size_t gateways) {
  return mean_clients * static_cast<std::int64_t>(gateways);
}

}  // namespace

filling join(fleet_options options) {
  options.clients = clients_for(options.gateways + 1);
  fleet_model fleet(options);
  fleet.run(10 * minute);
  const std::size_t newcomer = fleet.add_gateway();
  const seconds start = fleet.now();
  const seconds length = std::max(4 * hour, 4 * options.life);
  filling seen;
  extremes others;
  for (seconds time{0}; time <= length; ++time) {
    fleet.step();
    const double part = static_cast<double>(fleet.clients(newcomer)) / fleet.mean();
    if (!seen.half && part >= 0.5) seen.half = fleet.now() - start;
    if (!seen.most && part >= 0.8) seen.most = fleet.now() - start;
    seen.highest = std::max(seen.highest, part);
    seen.deepest_fall = std::max(seen.deepest_fall, seen.highest - part);
    if (time % seconds(10) == seconds(0)) {
      const std::int64_t closed = fleet.closed_by_shedding();
      seen.closed_peak = std::max(seen.closed_peak, static_cast<double>(closed - seen.closed) / 10);
      seen.closed = closed;
    }
    if (time > length / 2) look(fleet, newcomer, others);
    if (time % minute == seconds(0)) seen.each_minute.push_back(part);
  }
  seen.others_highest = others.highest;
  seen.others_lowest = others.lowest;
  return seen;
}

storm_load storm(fleet_options options, seconds age) {
  constexpr seconds length{10};
  options.clients = clients_for(options.gateways + 1);
  fleet_model fleet(options);
  fleet.run(10 * minute);
  const std::size_t newcomer = fleet.add_gateway();
  fleet.run(age);
  fleet.storm(50'000, length);
  storm_load seen;
  double all = 0;
  const auto count = static_cast<double>(fleet.gateways());
  for (seconds time{0}; time < length; ++time) {
    fleet.step();
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < fleet.gateways(); ++i)
      sum += fleet.arrivals(i);
    const double mean = static_cast<double>(sum) / count;
    for (std::size_t i = 0; i < fleet.gateways(); ++i) {
      double& peak = i == newcomer ? seen.newcomer_peak : seen.others_peak;
      peak = std::max(peak, static_cast<double>(fleet.arrivals(i)) / mean);
    }
    seen.newcomer += static_cast<double>(fleet.arrivals(newcomer));
    all += mean;
  }
  seen.newcomer /= all;
  return seen;
}

leaving leave(fleet_options options) {
  options.clients = clients_for(options.gateways);
  fleet_model fleet(options);
  fleet.run(10 * minute);
  const double before = arrivals_in(fleet, 0, 10 * minute);
  fleet.drain(0);
  // The change is under way, then every honest cache forgets.
  fleet.run(2 * fleet_model::propagation + options.ttl);
  leaving seen;
  seen.after_ttl = arrivals_in(fleet, 0, 10 * minute) / before;
  fleet.run(fleet_model::stubborn_hold);
  seen.after_hour = arrivals_in(fleet, 0, 10 * minute) / before;
  extremes others;
  for (seconds time{0}; time < hour; ++time) {
    fleet.step();
    look(fleet, 0, others);
  }
  seen.others_highest = others.highest;
  seen.others_lowest = others.lowest;
  return seen;
}

spread rest(fleet_options options, seconds time, bool has_crash) {
  options.clients = clients_for(options.gateways);
  fleet_model fleet(options);
  fleet.run(10 * minute);
  if (has_crash) {
    fleet.crash(0, minute);
    fleet.run(5 * minute + options.ttl);
  }
  const std::size_t before = fleet.publications();
  extremes all;
  for (seconds left = time; left > seconds(0); --left) {
    fleet.step();
    look(fleet, fleet.gateways(), all);
  }
  return {all.highest, all.lowest, fleet.publications() - before};
}

spread weak_machine(fleet_options options) {
  options.clients = clients_for(options.gateways);
  fleet_model fleet(options);
  fleet.set_clients_at_full_cpu(0, static_cast<double>(mean_clients));
  fleet.run(3 * hour);
  const std::size_t before = fleet.publications();
  spread seen;
  for (seconds time{0}; time < 3 * hour; ++time) {
    fleet.step();
    const double part = static_cast<double>(fleet.clients(0)) / fleet.mean();
    seen.highest = std::max(seen.highest, part);
    seen.lowest = std::min(seen.lowest, part);
  }
  seen.publications = fleet.publications() - before;
  return seen;
}

}  // namespace presenter::tests
