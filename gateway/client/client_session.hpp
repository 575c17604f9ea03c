// One client from accept to close. What happens to it comes here, and is passed on by the phase
// that it is in: to its TLS, its opening, its relay, its closing. They say what is next, and this
// does it with the worker's parts. Every phase has a deadline; every end has one close_reason.
// After the first packet only the relay is left. See: gateway/client/README.md, Phases.
#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/loop/deadline_wheel.hpp"
#include "base/loop/poller.hpp"
#include "base/loop/turn_queue.hpp"
#include "gateway/accept/address_limits.hpp"
#include "gateway/accept/arrival_watch.hpp"
#include "gateway/client/client_closing.hpp"
#include "gateway/client/client_opening.hpp"
#include "gateway/client/client_records.hpp"
#include "gateway/client/client_state.hpp"
#include "gateway/client/freezing_tables.hpp"
#include "gateway/client/idle_watch.hpp"
#include "gateway/client/opened_as.hpp"
#include "gateway/config/config.hpp"
#include "gateway/moves/stream_mover.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/operate/worker_thread.hpp"
#include "gateway/relay/relay.hpp"
#include "gateway/tls/tls_channel.hpp"
#include "gateway/upstream/upstream_pool.hpp"
#include "gateway/vocabulary/handoff_obstacle.hpp"

namespace presenter::gateway {

class client_session;

// Owns the sessions of a worker.
class client_session_owner {
 public:
  // The session is over and its descriptor closed. It is destroyed later in this turn of the loop.
  virtual void on_session_over(client_session& session) = 0;

 protected:
  ~client_session_owner() = default;
};

// What all sessions of a worker share. All of it outlives them.
struct client_context {
  const config& settings;
  worker_metrics& metrics;
  const worker_thread& thread;
  const tls_contexts_ptr& tls;  // the newest
  poller& polls;
  deadline_wheel& deadlines;
  turn_queue& handshakes;
  turn_queue& relays;
  turn_queue& moves;  // the steps of those between two backends: thousands may be due at once
  tls_io& io;
  upstream_pool& upstream;
  stream_mover& mover;
  relay_context& relaying;
  opened_store& opened;
  handoff_room& room;
  client_session_owner& owner;
  arrival_watch* arrivals;           // nullptr: nobody asks
  std::string tag_stem;              // of this worker of this gateway
  std::uint64_t sessions_begun = 0;  // numbers the tags
  // By reason: a backend that goes ends thousands of clients in one turn. At level debug all are
  // told.
  std::vector<log_pace> closes_said = std::vector(close_reason_count, log_pace(10));
  std::vector<log_pace> handoffs_said = std::vector(handoff_result_names.size(), log_pace(10));
  log_pace failures_said = log_pace(1);  // of the machine: no memory, no room to poll
  client_records records{settings.log, metrics.records_held_back};
};

using session_hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<client_session>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// Life: made by the listener's owner on accept, destroyed by it after on_session_over.
// Confined to: the worker's thread. Bounds: a first packet until the stream is accepted, then what
// relay.hpp and tls_channel.hpp say.
class client_session final : public session_hook,
                             private poll_target,
                             private turn_node,
                             private deadline_node,
                             private upstream_waiter,
                             public movable,
                             private client_end {
 public:
  // Takes over the descriptor, which is non-blocking and accepted just now.
  // The claim is given back when the first packet is whole.
  client_session(client_context& context, int descriptor,
                 const boost::asio::ip::tcp::endpoint& peer, address_claim claim = {});
  ~client_session();

  void start();

  // Another process can go on with it: its records are detached, and its stream is neither being
  // opened nor handed over.
  bool can_go_along() const;
  // A copy of all there is; this session can go on all the same. Requires can_go_along(). What it
  // has in common with others is put into `tables`, if it is not there.
  client_state freeze(freezing_tables& tables) const;
  // Another process has all others: the client is told that the session ends, as far as its socket
  // takes it. Nothing of the links is touched.
  void say_farewell();
  // One that another process has frozen; its descriptor is inherited. adopt() comes next: with an
  // error, which names what is impossible, the session is of no use. Then it does nothing until
  // resume().
  client_session(client_context& context, const client_state& state);
  boost::system::error_code adopt(client_state state, const client_tables& tables);
  void resume();

  // The gateway ends: closes cleanly what can be closed cleanly.
  void shut_down();

  // Somebody wants this client to go, whatever it does. False: it is closing already.
  bool close_by_order(close_reason reason);

  // It is served, and may be asked to come again, at another gateway for example.
  bool is_served() const { return phase_ == client_phase::relaying; }
  steady_time idle_since() const { return idle_.since(); }
  void close_served(close_reason reason);
  // Tells its backend that it will be. False: the backend takes no notices.
  bool announce_close(close_reason reason, duration within);

  // For those who look at all clients.
  client_phase phase() const { return phase_; }
  // Of one that is served: what a move to this backend would meet.
  handoff_obstacle obstacle_to_handoff(std::string_view to_backend) const;
  std::string tag() const;  // this gateway's name for it, as the backend has it and the log
  bool has_tag(std::string_view tag) const;
  // The tag is the worker's stem, '-' and the number. A client that comes later has a larger one.
  const std::string& tag_stem() const { return context_.tag_stem; }
  std::uint64_t number() const { return number_; }
  const boost::asio::ip::tcp::endpoint& peer() const { return peer_; }
  steady_time accepted_at() const { return accepted_at_; }
  double age_seconds() const;
  // Of the first packet and what followed: 0 without a stream.
  protocol::stream_traffic traffic() const { return relay_.traffic(); }
  // nullptr: they are not kept, for the stream cannot be handed over.
  const protocol::tls_facts* agreed() const {
    return opened_ == nullptr ? nullptr : &opened_->tls();
  }
  // It is here, for the log; if it is one of those that have records.
  void record_presence() const;
  // False: this survey has seen it already.
  bool mark_surveyed(std::uint32_t survey) { return std::exchange(survey_, survey) != survey; }

 private:
  // poll_target, turn_node, deadline_node, upstream_waiter, movable
  void on_poll(std::uint32_t events) override;
  void on_turn() override;
  void on_deadline(steady_time now) override;
  void on_upstream_changed() override;
  void on_move(move_cause cause) override;
  void on_hand_over(move_cause cause) override;
  move_way way_to_move() const override;

  // client_end
  client_io_result read(std::span<std::byte> into) override;
  client_io_result write(std::span<const std::byte> bytes) override;
  client_io finish_writing() override;
  bool has_input() const override;
  void read_again_later() override;
  void expect_progress(std::chrono::milliseconds within) override;
  void expect_nothing() override;
  void on_stream_accepted() override;
  void on_stream_writable() override;
  void on_stream_refused(const protocol::refuse_frame& refusal) override;
  void on_stream_lost_unaccepted() override;
  bool on_stream_lost(bool is_deposit_exact) override;
  void on_stream_checkpoint(const protocol::checkpoint_frame& checkpoint) override;
  void on_rest_sent() override;
  void on_relay_over(close_reason reason, std::string_view cause) override;

  void begin_polling();
  void end_by_order(close_reason reason, protocol::reset_reason to_backend);
  void set_phase(client_phase phase);
  void set_deadline(duration within);
  void on_idle(steady_time now);
  close_reason timeout_or_overload(close_reason timeout) const;

  void step_handshake();
  void on_handshake_done();
  void on_handshake_failed(tls_status status, std::string_view why);
  void count_early_data();

  // What opening_ has decided. It is there until the step `relay`.
  void carry_out(opening_step step);
  opening_moment moment();
  void read_packet();
  void on_end_before_packet(tls_status status);
  void read_early_packet();
  void open_stream();
  void submit_open(const upstream_pool::upstream_route& route);
  protocol::stream_id opened_on(protocol::mux_core& link, protocol::open_frame open);
  void send_packet();
  void wait_for_upstream(bool has_place);
  // Before the handshake has ended; a stream may be open all the same.
  bool is_early() const { return phase_ == client_phase::handshake; }

  boost::system::error_code adopt_packet(const client_state& state, const client_tables& tables);
  boost::system::error_code adopt_stream(client_state& state, const client_tables& tables);

  void begin_relaying();
  void strand(close_reason reason, move_cause cause);
  void end_stranded();

  // In client_session_moves.cpp. A handoff that fails strands the client: it is closed as any that
  // is moved, in its turn.
  bool is_handed_over() const { return opened_ != nullptr && opened_->handoff != nullptr; }
  bool can_hand_over() const;
  // Its backend may have crashed.
  bool is_waiting_for_fate() const {
    return is_handed_over() && opened_->handoff->is_crash() && !opened_->handoff->is_held();
  }
  void step_between_backends();
  void look_for_fate();
  bool is_backend_gone() const;
  void go_on_at_next();
  void go_on_after_crash();
  void fail_handoff(handoff_result result);
  void end_handoff(handoff_result result);

  // All name the reason, once and for all. `answer_and_close` says it to the client where the table
  // has an answer; `close_cleanly` sends what the backend sent, then close_notify;
  // `close_with_alert` the alert of what was wrong, or internal_error; `close_now` nothing.
  // `cause`: a name for the log, where one reason has several.
  void answer_and_close(close_reason reason);
  void close_cleanly(close_reason reason, std::string_view cause = {});
  void close_with_alert(close_reason reason, std::string_view cause = {});
  void close_now(close_reason reason, std::string_view cause = {});
  void note_reason(close_reason reason, std::string_view cause = {});
  void record_end(std::string_view cause) const;
  client_record facts_for_log() const;
  std::string found_cause(close_reason reason, std::string_view told) const;
  void step_closing();
  void finish_session();

  client_context& context_;
  const int descriptor_;
  const boost::asio::ip::tcp::endpoint peer_;
  const std::uint64_t number_;
  const steady_time accepted_at_;
  idle_watch idle_;
  client_phase phase_ = client_phase::handshake;
  bool is_over_ = false;
  bool has_reason_ = false;
  bool expects_progress_ = false;  // the deadline is the relay's
  close_reason reason_ = close_reason::internal;
  client_closing closing_;
  std::uint32_t survey_ = 0;  // the last that saw it
  short_time handshake_took_;
  short_time opening_took_;
  tls_channel tls_;
  std::unique_ptr<client_opening> opening_;  // until its stream is accepted, and when it goes on
  opened_as* opened_ = nullptr;              // from Accept on, if its stream can be handed over
  relay relay_;
};

// A promise to operators, who have a hundred thousand idle clients at a gateway. It changes on
// purpose only, and then in gateway/tls/README.md, Memory of an idle client, too. The detached
// session is a part of it.
static_assert(sizeof(client_session) == 680);

}  // namespace presenter::gateway
