// A whole run, from the first TLS connection to the verdict: starts the workers, lets them connect,
// send, drain and close, and adds up what they saw.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "bench/load_generator/load_options.hpp"
#include "bench/load_generator/load_statistics.hpp"

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

struct run_hooks {
  // Waits that long and says true as soon as the run is to end early.
  std::function<bool(std::chrono::nanoseconds)> wait;
  // Every client is served. Not called when some never were.
  std::function<void()> on_ready;
  // About once a second.
  std::function<void(const load_progress&)> on_progress;
};

struct load_result {
  load_statistics seen;
  std::size_t clients = 0;
  std::chrono::duration<double> connect_time{0};  // until all were served, or the deadline
  std::chrono::duration<double> traffic_time{0};
  bool was_stopped_early = false;
  bool has_drained = false;  // everything outstanding arrived before the deadline

  bool is_success() const {
    return seen.messages.is_flawless() && seen.messages.adds_up() && seen.clients_served == clients;
  }
};

// Errors: std::runtime_error for a CA file that cannot be used, std::system_error from the kernel.
load_result run_load(const load_options&, const run_hooks&);

}  // namespace presenter::bench
