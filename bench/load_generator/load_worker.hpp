// One thread of the load generator: its own loop, TLS context and clients; couples are never split
// between threads, so nothing on the way of a message is shared.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "bench/load_generator/couple_client.hpp"
#include "bench/load_generator/load_options.hpp"
#include "bench/load_generator/load_statistics.hpp"

namespace presenter::bench {

enum class run_phase { connecting, traffic, draining, closing };

// Life: joined before it is destroyed. `options` outlives it.
class load_worker {
 public:
  // Takes every `options.threads`-th couple or client, from number `index` on.
  load_worker(const load_options& options, std::size_t index);
  ~load_worker();

  void start_thread(steady_time first_connect);
  // Any thread. Phases only go forward.
  void post_phase(run_phase phase) { wanted_phase_ = phase; }
  const live_counters& live() const { return live_; }
  bool is_drained() const { return is_drained_; }
  bool has_ended() const { return has_ended_; }

  // Waits for the thread; rethrows what ended it, if something did.
  load_statistics join();

 private:
  void add_clients();
  void run(steady_time first_connect);
  void enter_phase(run_phase);
  std::size_t outstanding() const;
  bool are_all_closed() const;

  // Constant after construction.
  const load_options& options_;
  const std::size_t index_;
  tls_client_context tls_;

  // This thread only, until joined.
  event_loop loop_;
  chat_backend::packet_codec codec_;
  byte_buffer scratch_;
  std::minstd_rand random_;
  load_statistics statistics_;
  live_counters live_;
  client_surroundings around_;
  server_names servers_;
  std::deque<couple_record> couples_;
  std::vector<std::unique_ptr<load_client>> clients_;
  std::vector<std::size_t> client_numbers_;
  run_phase phase_ = run_phase::connecting;
  std::exception_ptr failure_;

  // Between this thread and the main one.
  std::atomic<run_phase> wanted_phase_ = run_phase::connecting;
  std::atomic<bool> is_drained_ = false;
  std::atomic<bool> has_ended_ = false;

  std::thread thread_;
};

}  // namespace presenter::bench
