// One worker: one thread, one io_context, one listener, its own clients, its own links to every
// backend. Nothing is shared with other workers but immutable snapshots, which are posted to it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "gateway/accept/admission.hpp"
#include "gateway/accept/listener.hpp"
#include "gateway/client/client_session.hpp"
#include "gateway/config/config.hpp"
#include "gateway/moves/stream_mover.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/operate/worker_thread.hpp"
#include "gateway/relay/relay.hpp"
#include "gateway/tls/tickets/early_data_guard.hpp"
#include "gateway/tls/tls_context.hpp"
#include "gateway/upstream/upstream_pool.hpp"
#include "gateway/worker/announced_ends.hpp"
#include "gateway/worker/client_set.hpp"
#include "gateway/worker/freeze_gate.hpp"
#include "gateway/worker/survey_queue.hpp"
#include "gateway/worker/worker_state.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::gateway {

struct worker_setup {
  const config& settings;   // until post_config brings others
  std::string node;         // this gateway's name, for Hello
  std::string tag_stem;     // what the tags of this worker's clients begin with, nobody else's
  ticket_ring_ptr tickets;  // until post_tickets brings others
  tls_files_ptr tls;        // until post_tls brings others
  std::size_t clients_max;  // of this worker
  std::size_t descriptors_watermark = std::numeric_limits<std::size_t>::max();
  address_limits* addresses = nullptr;  // of all workers, outlives them; nullptr: no limits
  move_paces paces{.closes = moves_per_second_default};  // of this worker
  std::size_t held_bytes_max = 0;                        // of streams between two backends
  backend_news news = {};                     // told on the worker's thread; empty: nobody asks
  arrival_watch* arrivals = nullptr;          // of all workers, outlives them; nullptr: nobody asks
  early_data_register* early_data = nullptr;  // of all workers, outlives them; nullptr: none taken
};

// Another configuration, and what follows from it.
struct worker_change {
  std::shared_ptr<const config> settings;
  tls_contexts_ptr tls;  // made with them
  std::size_t clients_max;
  address_limits* addresses;
  move_paces paces;
  std::size_t held_bytes_max;
};

// What its owner is told, on the worker's own thread.
struct worker_events {
  // It threw, which a critical line has told; it ends its clients now, as far as it still can.
  std::function<void()> on_failed = [] {};
  // The last that it does.
  std::function<void()> on_ended = [] {};
};

// Life: the server's. `start` begins the thread, post_shut_down ends it, and so does the
// destructor.
// Confined to: its own thread, but for the functions named post_…, make_tls and metrics(), which
// any thread may call. start, join and the destructor are its owner's.
class worker final : private client_session_owner {
 public:
  // Throws std::runtime_error if the TLS context cannot be made.
  worker(const worker_setup& setup, listening_socket socket);
  // Goes on with what a worker of another process has handed over; `socket` is that one's. Reads,
  // writes and closes nothing before post_listen. Throws boost::system::system_error as well, if
  // the state makes no sense.
  worker(const worker_setup& setup, listening_socket socket, worker_state adopted);
  ~worker();

  // Begins the thread, which serves nobody until post_listen. `name`: in the log, and what the
  // system shows. Throws std::system_error.
  void start(std::string name = "worker", worker_events events = {});

  // Clients may come.
  void post_listen();

  void post_map(upstream_pool::map_ptr map);
  void post_tickets(ticket_ring_ptr tickets);

  // Contexts of this worker for post_tls; any thread. Throws std::runtime_error.
  tls_contexts_ptr make_tls(const config& settings, const tls_files_ptr& files);
  // For clients that come from now on.
  void post_tls(tls_contexts_ptr contexts);

  // In force from one turn of the loop to the next, for clients and links that come from then on,
  // and for what those who are here do next; then calls `done`, on the worker's thread.
  void post_config(worker_change change, std::function<void()> done);

  // Shows every client to `visit`, some in each turn of the loop, then calls `done`; both on the
  // worker's thread. Neither is called any more once the worker ends.
  void post_survey(std::function<void(const client_session&)> visit, std::function<void()> done);
  // Closes those of whom `is_wanted` says so, some in each turn of the loop, then calls `done` with
  // their number; all on the worker's thread, and as post_survey.
  void post_close_wanted(std::function<bool(const client_session&)> is_wanted, close_reason reason,
                         std::function<void(std::size_t)> done);
  // Calls `answer` on the worker's thread, which shows that it turns.
  void post_answer(std::function<void()> answer);
  // Shows the links to `visit`, on the worker's thread.
  void post_visit_links(std::function<void(const upstream_pool&)> visit);

  // Closes so many of the clients that are served, cleanly. Of a sample of all, which goes round:
  // those who have been silent for longest. Fewer, if there are no more in it. Backends that take
  // notices are told `ahead` of it.
  void post_close_idle(std::size_t count, close_reason reason, duration ahead);
  // Those who were announced for this reason and are not closed yet stay.
  void post_keep_announced(close_reason reason);

  // Another process may take this one's place: until thaw no stream is given up any more; what is
  // on its way to another backend goes on.
  void post_rest_moves();
  // Likewise, and no client is let in.
  void post_settle();
  // At the end of a turn of the loop calls `frozen` with all there is, on the worker's thread,
  // which then stands still until thaw or let_go, or for `patience`. What it says is a copy: the
  // worker goes on as if nothing had been. `frozen` may throw std::bad_alloc: then nobody is told.
  using frozen_handler = std::function<void(boost::system::result<worker_state>)>;
  void post_freeze(frozen_handler frozen, duration patience);
  // Stands still until thaw or let_go, however long that takes. False: it goes on already.
  bool hold_still();
  void thaw();
  // Once it is held and what it said is another process's: this worker never goes on. Those who
  // could not go along are told that the session ends.
  void let_go();

  // Accepts no more, closes clients cleanly, then links; whatever is left after `within` is cut.
  // The thread ends with it.
  void post_shut_down(duration within);

  void join();

  const worker_metrics& metrics() const { return metrics_; }
  backends_by_name shown_backends() const { return shown_backends_.get(); }

  // What an idle client's parts are by construction; the rest of it is left alone.
  static void fill_sizes(memory_facts& facts);

 private:
  using surveys = survey_queue<client_session>;

  // When it stands still at the latest, and when it goes on.
  struct freeze_times {
    steady_time settled;
    steady_time over;
  };

  void on_accepted(int descriptor, const tcp_endpoint& peer);
  void begin_client(int descriptor, const tcp_endpoint& peer, address_claim claim);
  void on_session_over(client_session& session) override;

  void run();
  void begin_serving();
  void resume_adopted();
  void freeze_when_settled(const frozen_handler& frozen, freeze_times times);
  void freeze(const frozen_handler& frozen, steady_time until);
  worker_state state();
  [[noreturn]] void leave_behind();
  void end_after_failure();
  void wait_tick();
  steady_time notice_standstill();  // and tells what time it is
  void serve();
  void dispatch_batch();
  void post_serve();
  void post(std::function<void()> work);
  void post_turns();
  void run_turns();
  void look_for_moves();
  void wait_move();
  void close_idle(std::size_t count, close_reason reason, duration ahead);
  void close_announced();
  void show_announced();
  void step_survey();
  void post_made(surveys::made&& one);
  void bury();
  void take_early_data(const config& settings, const tls_contexts& contexts);
  void change_config(worker_change& change);
  void shut_down(duration within);
  void step_shut_down();
  void show_memory();
  void record_presences();
  void show_backends();

  worker_metrics metrics_;
  worker_thread own_thread_;
  config settings_;  // others refer to it: its address stays
  log_pace memory_said_;
  ticket_sealer tickets_;
  std::optional<early_data_guard> early_data_;
  tls_contexts_ptr tls_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  protocol::link_timer tick_;
  poller polls_;
  deadline_wheel deadlines_;
  turn_queue handshakes_;
  turn_queue relays_;
  turn_queue moves_;
  tls_io tls_io_;
  relay_context relaying_;
  opened_store opened_;
  handoff_room room_;
  protocol::output_batch output_;
  upstream_pool upstream_;
  stream_mover mover_;
  protocol::link_timer move_timer_;
  std::optional<steady_time> move_awaited_;  // move_timer_ runs until then
  client_context context_;
  admission admission_;
  listener listener_;
  client_set<client_session, session_hook> clients_;
  announced_ends<client_session, close_reason> announced_;
  surveys surveys_;
  bool are_turns_due_ = false;
  bool is_serving_ = false;
  bool is_serve_posted_ = false;
  std::optional<steady_time> presences_due_;
  gateway::shown_backends shown_backends_;
  steady_time backends_shown_at_{};
  steady_time skipped_to_{};  // when the worker had stood still the last time
  freeze_gate gate_;
  bool is_shutting_down_ = false;
  bool are_links_shut_down_ = false;
  steady_time cut_at_{};
  std::string name_;
  worker_events events_;
  std::thread thread_;
};

}  // namespace presenter::gateway
