// Looks at the workers of a run while it goes on, and says what happened between two looks: to the
// messages, and to the generator itself, which may be what the figures are of.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/load_generator/latency_histogram.hpp"
#include "bench/load_generator/worker_mailbox.hpp"

namespace presenter::bench {

struct load_snapshot {
  std::chrono::steady_clock::time_point at;
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t disconnects = 0;
  std::int64_t online = 0;
  latency_histogram latency;
  latency_histogram lag;
  latency_histogram back;
  std::vector<std::int64_t> cpu_ns;  // of each worker
};

load_snapshot look_at(std::span<const worker_mailbox>);

struct generator_load {
  double cores = 0;          // CPU seconds a second, of all workers
  double busiest_share = 0;  // of a core, of the worker that used most
  std::chrono::nanoseconds lag_p99{0};
  std::chrono::nanoseconds lag_max{0};

  // What is measured may be this program rather than the server: a worker's core was full, or its
  // own timers came so late that it shows in the latencies.
  // `latency_p99` 0: nothing was timed.
  bool was_the_limit(std::chrono::nanoseconds latency_p99) const;
};

generator_load generator_between(const load_snapshot& before, const load_snapshot& after);

// One line of a run's course.
struct run_interval {
  std::chrono::duration<double> start{0};  // from the beginning of the traffic
  std::chrono::duration<double> length{0};
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t disconnects = 0;
  std::int64_t online = 0;  // at its end
  latency_histogram latency;
  generator_load generator;
};

run_interval interval_between(const load_snapshot& before, const load_snapshot& after);

}  // namespace presenter::bench
