#include "bench/load_generator/load_meter.hpp"

#include <algorithm>

namespace presenter::bench {

using namespace std::chrono_literals;

load_snapshot look_at(std::span<const worker_mailbox> workers) {
  load_snapshot now;
  now.at = std::chrono::steady_clock::now();
  for (const worker_mailbox& worker : workers) {
    const live_counters& live = worker.live;
    now.sent += live.sent;
    now.delivered += live.delivered;
    now.disconnects += live.disconnects;
    now.online += live.online;
    now.latency.merge(live.times.latency);
    now.lag.merge(live.times.lag);
    now.back.merge(live.times.back);
    now.cpu_ns.push_back(live.cpu_ns);
  }
  return now;
}

bool generator_load::was_the_limit(std::chrono::nanoseconds latency_p99) const {
  constexpr double full_core = 0.9;
  return busiest_share >= full_core ||
         (latency_p99 > 0ns && lag_p99 > 1ms && lag_p99 > latency_p99 / 2);
}

generator_load generator_between(const load_snapshot& before, const load_snapshot& after) {
  generator_load load;
  const double elapsed = std::chrono::duration<double, std::nano>(after.at - before.at).count();
  for (std::size_t i = 0; i < after.cpu_ns.size() && elapsed > 0; ++i) {
    const double share = static_cast<double>(after.cpu_ns[i] - before.cpu_ns[i]) / elapsed;
    load.cores += share;
    load.busiest_share = std::max(load.busiest_share, share);
  }
  const latency_histogram lag = after.lag.since(before.lag);
  load.lag_p99 = lag.percentile(99);
  load.lag_max = lag.max();
  return load;
}

run_interval interval_between(const load_snapshot& before, const load_snapshot& after) {
  run_interval interval;
  interval.length = after.at - before.at;
  interval.sent = after.sent - before.sent;
  interval.delivered = after.delivered - before.delivered;
  interval.disconnects = after.disconnects - before.disconnects;
  interval.online = after.online;
  interval.latency = after.latency.since(before.latency);
  interval.generator = generator_between(before, after);
  return interval;
}

}  // namespace presenter::bench
