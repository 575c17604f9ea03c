// A whole run, from the first TLS connection to the verdict: starts the workers, lets them connect,
// send, drain and close, and adds up what they saw.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "bench/load_generator/load_meter.hpp"
#include "bench/load_generator/load_options.hpp"
#include "bench/load_generator/load_statistics.hpp"
#include "bench/load_generator/ramp.hpp"

namespace presenter::bench {

struct load_progress {
  std::chrono::duration<double> elapsed{0};
  std::string phase;
  std::uint64_t clients = 0;
  std::int64_t online = 0;
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t disconnects = 0;
};

// A step of a ramp, judged.
struct ramp_result {
  ramp_step step;
  step_verdict verdict = step_verdict::good;
};

// All clients lost their server.
struct loss_result {
  std::uint64_t lost = 0;
  std::chrono::duration<double> seconds{0};  // until all were back, or the deadline
  bool is_everyone_back = false;
  latency_histogram back;  // each client's time without a server
};

struct run_hooks {
  // Waits that long and says true as soon as the run is to end early.
  std::function<bool(std::chrono::nanoseconds)> wait;
  // Every client is served. Not called when some never were.
  std::function<void()> on_ready;
  // About once an interval.
  std::function<void(const load_progress&)> on_progress;
  // The rest may be empty. Of the traffic and what followed it, without gaps.
  std::function<void(const run_interval&)> on_interval = {};
  std::function<void(const ramp_result&)> on_step = {};
};

// An interval of the series, of which the whole histogram is not kept.
struct interval_summary {
  double start = 0;
  double seconds = 0;
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t disconnects = 0;
  std::int64_t online = 0;
  std::chrono::nanoseconds p50{0}, p99{0}, max{0};
  generator_load generator;
};

struct load_result {
  load_statistics seen;
  load_times<latency_histogram> times;
  std::size_t clients = 0;
  std::chrono::duration<double> connect_time{0};  // until all were served, or the deadline
  std::chrono::duration<double> traffic_time{0};
  bool was_stopped_early = false;
  bool has_drained = false;  // everything outstanding arrived before the deadline
  generator_load generator;  // while there was traffic
  std::vector<interval_summary> series;
  std::vector<ramp_result> ramp;
  double knee = 0;                 // of a ramp: messages a second of all clients
  bool is_knee_of_server = false;  // else the generator or somebody's patience ended the ramp
  std::vector<loss_result> losses;

  bool is_success() const;
  bool was_generator_the_limit() const;
};

// Errors: std::runtime_error for a CA file that cannot be used, std::system_error from the kernel.
load_result run_load(const load_options&, const run_hooks&);

}  // namespace presenter::bench
