// What passes between a worker of the load generator and the main thread while a run goes on. All
// of a run stand in one piece of memory, which its processes share.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

#include "bench/load_generator/load_statistics.hpp"

namespace presenter::bench {

enum class run_phase { connecting, traffic, draining, closing };

struct worker_mailbox {
  // From the worker.
  live_counters live;
  std::atomic<bool> is_drained = false;
  std::atomic<bool> has_ended = false;

  // To the worker.
  std::atomic<run_phase> phase = run_phase::connecting;  // only goes forward
  std::atomic<double> rate = 0;                          // messages per second per client
  std::atomic<unsigned> losses = 0;  // how often its clients are to have lost their server
};

// Life: a copy in a child process is the same memory. Errors: std::system_error.
class worker_mailboxes {
 public:
  explicit worker_mailboxes(std::size_t count);
  ~worker_mailboxes();
  worker_mailboxes(const worker_mailboxes&) = delete;
  worker_mailboxes& operator=(const worker_mailboxes&) = delete;

  std::span<worker_mailbox> all() const { return all_; }

 private:
  std::span<worker_mailbox> all_;
};

}  // namespace presenter::bench
