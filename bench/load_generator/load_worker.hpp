// One thread of the load generator: its own loop, TLS context and clients; couples are never split
// between threads, so nothing on the way of a message is shared.
#pragma once

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
#include "bench/load_generator/worker_mailbox.hpp"

namespace presenter::bench {

// Life: joined before it is destroyed. `options` outlives it.
class load_worker : private timer_handler {
 public:
  // Takes the couples or clients from number `index` on that all workers of the run leave to it.
  // `mailbox` outlives it.
  load_worker(const load_options& options, std::size_t index, worker_mailbox& mailbox);
  ~load_worker();

  void start_thread(steady_time first_connect);
  // Waits for the thread; rethrows what ended it, if something did.
  load_statistics join();

 private:
  void add_clients();
  void run(steady_time first_connect);
  void on_timer(std::uint64_t due_ns) override;
  void read_mailbox();
  void enter_phase(run_phase);
  std::size_t outstanding() const;
  bool are_all_closed() const;

  // Constant after construction.
  const load_options& options_;
  const std::size_t index_;
  worker_mailbox& mailbox_;
  tls_client_context tls_;

  // This thread only, until joined.
  event_loop loop_;
  chat_backend::packet_codec codec_;
  byte_buffer scratch_;
  std::minstd_rand random_;
  load_statistics statistics_;
  client_surroundings around_;
  server_names servers_;
  std::deque<couple_record> couples_;
  std::vector<std::unique_ptr<load_client>> clients_;
  std::vector<std::size_t> client_numbers_;
  run_phase phase_ = run_phase::connecting;
  double rate_ = 0;
  unsigned losses_ = 0;
  std::exception_ptr failure_;

  std::thread thread_;
};

}  // namespace presenter::bench
