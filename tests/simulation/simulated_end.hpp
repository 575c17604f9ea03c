// One side of the simulated link: a mux_core, and an application that does with each stream what
// its script says. It keeps its own books of what it may send and what it has read, and compares
// the core's with them. It knows nothing of the wire.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/mux/mux_core.hpp"
#include "tests/simulation/dice.hpp"
#include "tests/simulation/schedule_plan.hpp"

namespace presenter::testing {

class simulated_end;

// What becomes of a core's state on its way to another process; nullptr: nothing.
inline protocol::mux_core_state (*on_the_way)(protocol::mux_core_state) = nullptr;

// What a side sends on a stream: any part of it tells whose it is and where it belongs.
std::span<const std::byte> content_of(protocol::stream_id stream, protocol::link_role sender,
                                      std::size_t size);

// How often the schedules came to the places that matter; a simulation that does not get there
// proves nothing.
struct coverage {
  std::uint64_t steps = 0, streams = 0, payload_bytes = 0;
  std::uint64_t completed = 0, reset_by_peer = 0, refused = 0, link_lost = 0, abandoned = 0;
  std::uint64_t stream_dry = 0, link_dry = 0, turns_missed = 0, queues_full = 0, turns = 0,
                turns_waited = 0;
  std::uint64_t late_frames = 0, suspect = 0, cuts = 0, timeouts = 0, go_aways = 0;
  std::uint64_t stalled_readers = 0, link_stalls = 0, splits = 0, half_closed = 0;
  std::uint64_t could_not_open = 0;
  std::uint64_t asked = 0, handed = 0, declined = 0, late_answers = 0, lies = 0, pieces = 0,
                continued = 0, refused_again = 0, deposits = 0, exact = 0, inexact = 0,
                checkpoints_waited = 0, schedules_with_handoffs = 0;
  std::uint64_t replaced = 0, thawed = 0;
};

// What a client's next stream goes on from.
struct continuation {
  protocol::stream_id before;  // its last stream that was given up
  protocol::stream_id client;  // its first
  stream_script script;
  std::int64_t consumed = 0;
  std::int64_t produced = 0;
  std::string state;
  bool finished = false;
  int times = 1;  // that the client has been given up
};

// Life: owned by its end, beyond release, so that a call after the last one is seen.
class scripted_stream final : public protocol::stream_handler {
 public:
  scripted_stream(simulated_end& end, protocol::stream_id id, const stream_script& script);
  // Gateway: goes on where `from` ends. Backend: only its Checkpoint tells where that is.
  void go_on(const continuation& from);

  void on_accepted() override;
  void on_refused(const protocol::refuse_frame& refusal) override;
  void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override;
  void on_writable() override;
  void on_reset(protocol::reset_reason reason, bool by_peer) override;
  void on_checkpoint(const protocol::checkpoint_frame& checkpoint) override;
  void on_handoff(const protocol::handoff_frame& handoff) override;
  void on_notice(const protocol::notice_frame&) override {}
  void on_link_lost(bool is_deposit_exact) override;

  // One thing the application feels like. True if something changed.
  bool act(dice& dice);
  // Everything the application can do now. `lifted`: those that stalled read again.
  bool act_fully(bool lifted);
  void on_credit_arrived(std::int64_t bytes) { send_credit_ += bytes; }
  // The input that may have brought credit is handled: from here on others are in its way.
  void mark_eligible();

  std::size_t buffered() const { return released ? 0 : received - consumed; }
  bool is_complete() const { return peer_finished && finished; }

  const protocol::stream_id id;
  const stream_script script;
  std::size_t sent = 0;
  std::size_t received = 0;
  std::size_t consumed = 0;
  bool accepted = false;
  bool finished = false;  // we have sent all and said so
  bool peer_finished = false;
  bool ended = false;  // told so by the core: reset, refused or link lost
  bool ended_by_peer_reset = false;
  bool abandoned = false;          // by this side's application: reset, refused or let go early
  bool reset_behind_data = false;  // abandoned by reset, before anything else ended the stream
  bool released = false;
  bool is_asked = false;                      // Handoff has been sent, or received
  bool awaits_checkpoint = false;             // backend: does not know yet where to go on
  bool handed = false;                        // given up: the client goes on elsewhere
  bool lied = false;                          // backend: gave up with a position that is wrong
  std::string given;                          // backend: the state that it gave up
  protocol::stream_id client;                 // the client's first stream
  std::optional<protocol::stream_id> before;  // its last, which this one continues

 private:
  void on_deposit(const protocol::checkpoint_frame& checkpoint);
  void on_given_up(const protocol::checkpoint_frame& checkpoint);
  void check_unread(std::string_view bytes, std::size_t at);
  bool hand_off();
  bool deposit();
  bool answer_handoff();
  bool give_up();
  void begin_event(const char* what);
  void end_by_core();
  bool send(dice* dice);
  bool may_send() const;
  bool consume(std::size_t most);
  bool answer();
  bool leave_if_due();
  void abandon(bool by_reset);
  bool release_if_done(bool hasty);
  void release();
  void wait();
  void check_fair();

  simulated_end& end_;
  std::int64_t send_credit_;
  bool waiting_ = false;   // has asked for a turn
  bool has_turn_ = false;  // inside on_writable
  bool silenced_ = false;  // the core may not call any more
  bool giving_ = false;    // backend: nothing more of the application is sent
  bool wants_checkpoint_ = false;
  bool is_deposit_exact_ = false;  // gateway, by our books
  std::size_t unread_ = 0;         // bytes that came back, or went back
  int patience_ = 3;               // gateway: rounds until its deadline
  enum class answering_handoff { gives, declines, is_silent } handoff_answer_{};
  std::optional<continuation> from_;
  std::size_t eligible_at_ = 0;  // place in the end's send log + 1, 0: not waiting with credit
};

// Life: as long as its simulator. Confined to: the test's thread.
class simulated_end final : public protocol::link_handler {
 public:
  simulated_end(const protocol::mux_options& options, const schedule_plan& plan,
                const protocol::hello_frame& peer, dice& dice, coverage& seen);

  // --- link_handler
  void on_ready(const protocol::hello_frame& peer) override;
  protocol::stream_handler* on_open(protocol::stream_id id,
                                    const protocol::open_frame& open) override;
  void on_go_away(const protocol::go_away_frame&) override { ++seen.go_aways; }
  void on_output() override { output_told = true; }
  void on_can_open() override;
  void on_failed(boost::system::error_code reason) override;

  // --- the application
  // Gateway: opens one more stream, if the plan has one and the core has said that it may.
  bool open_one();
  void act();
  bool act_fully(bool lifted);

  // --- what the simulator tells
  // Hands `held` to the core, its whole frames to the books first. Returns the bytes taken.
  std::size_t input(std::span<const std::byte> held, protocol::mux_clock::time_point now);

  // Gateway: perhaps another process goes on with its core, or might have and does not.
  void perhaps_change_process(std::size_t one_in, protocol::mux_clock::time_point now);

  // The core's books against ours. Call between two calls into the core.
  void check_books();

  scripted_stream* find(protocol::stream_id id);
  bool all_released() const { return live_.empty(); }
  const std::vector<scripted_stream*>& live() const { return live_; }
  int streams_to_open() const { return streams_to_open_; }
  void log_send(protocol::stream_id id, std::size_t bytes);
  void continue_later(continuation next) { to_continue_.push_back(std::move(next)); }
  std::size_t streams_to_continue() const { return to_continue_.size(); }

  const protocol::link_role role;
  const schedule_plan& plan;
  const protocol::hello_frame ours;
  const protocol::hello_frame peers;
  dice& chance;
  dice moves;     // all that has to do with handing over: the others draw what they always drew
  dice upgrades;  // the same of changes of the process
  simulated_end* peer = nullptr;
  coverage& seen;
  std::vector<std::unique_ptr<scripted_stream>> streams;  // stream n at n − 1
  struct send_record {
    protocol::stream_id stream;
    std::size_t bytes;
  };
  std::vector<send_record> sends;  // in the order of submission
  std::int64_t link_credit = 0;    // that we may spend, by our books
  bool output_told = true;         // the Hello is there from the start
  bool in_input = false;           // inside core.on_input
  bool failed = false;
  bool expects_failure = false;

 private:
  void note_credit(std::span<const std::byte> frames);
  void change_process(protocol::mux_clock::time_point now);
  scripted_stream& add(protocol::stream_id id);
  scripted_stream& add(protocol::stream_id id, const stream_script& script);
  scripted_stream& add_continued(protocol::stream_id id, stream_script script);
  bool continue_one();
  void drop_released();

  const protocol::mux_options options_;
  int streams_to_open_;
  std::deque<continuation> to_continue_;
  bool may_open_ = false;
  std::vector<scripted_stream*> live_;

 public:
  protocol::mux_core core;  // last: its handler is whole before it
};

}  // namespace presenter::testing
