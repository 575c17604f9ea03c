// The multiplexing protocol of one link, either end, without I/O: bytes in → handler calls,
// commands → bytes out, the time passed in. It knows no socket, no thread and no clock.
//
// Bytes come in by on_input and leave by take_output: control frames first, then Data, which
// commands have laid out already. Memory for output is bounded: a user that wants to send asks
// `sendable`, and if that is 0 asks for a turn (`wait_writable`). Nothing is ever queued beyond
// data_queue_bytes_max. See: protocol/README.md §4 to §6.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/byte_buffer.hpp"
#include "base/token_bucket.hpp"
#include "protocol/mux/credit_window.hpp"
#include "protocol/mux/link_liveness.hpp"
#include "protocol/mux/mux_core_state.hpp"
#include "protocol/mux/send_turns.hpp"
#include "protocol/mux/stream_handler.hpp"
#include "protocol/mux/stream_table.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::protocol {

using mux_clock = std::chrono::steady_clock;

struct mux_options {
  hello_frame hello;  // role, node, windows and limits that this side announces
  // Whose Hello is expected: one with another name ends the link, one without a name is let in, for
  // it says nothing. Empty: anybody's.
  std::string peer_node;
  std::chrono::milliseconds dead_after = limits::dead_after_default;
  std::chrono::milliseconds hello_timeout = limits::hello_timeout;
  // Bytes wait for the link's window, which is at 0, and the peer grants it nothing. 0: for ever.
  std::chrono::milliseconds link_stall_timeout{0};
  // Backend only, 1 or more: Opens beyond it, after a burst, are refused as busy.
  std::int32_t opens_per_second = limits::opens_per_second_default;
  // Gateway only, 1 or more: deposits beyond it, after as many at once, are dropped, and the stream
  // counts as one without a deposit. They take no credit, so nothing else bounds them.
  std::int32_t deposits_per_second = std::numeric_limits<std::int32_t>::max();
  // Streams that are told in one go that the link is lost: a user with much to do for each, and
  // others to serve, wants the rest of them later.
  std::size_t streams_lost_at_once = std::numeric_limits<std::size_t>::max();
};

// Plain numbers, read on the core's thread.
struct mux_counters {
  std::uint64_t frames_received = 0;
  std::uint64_t streams_opened = 0;
  std::uint64_t opens_limited = 0;  // refused as above opens_per_second
  std::uint64_t stream_errors = 0;  // streams reset because the peer broke a rule
  std::uint64_t late_frames = 0;    // for streams that were over already
  std::uint64_t deposits = 0;
  std::uint64_t deposits_dropped = 0;  // of them: above deposits_per_second
};

// Of one client, modulo 2^32: see mux_stream_state.
struct stream_traffic {
  std::uint32_t sent = 0;  // from the gateway to the backend
  std::uint32_t received = 0;
};

// What is to be written, in this order. Two buffers, so that control frames overtake Data without a
// copy.
struct mux_output {
  byte_buffer control;
  byte_buffer data;
  bool empty() const { return control.empty() && data.empty(); }
};

// Life: from the TCP connect to the close of the link; the handler outlives it.
// Confined to: one thread. Bounds: limits.hpp; per stream one table entry.
class mux_core {
 public:
  // Queues this side's Hello at once.
  mux_core(const mux_options& options, link_handler& handler, mux_clock::time_point now);

  mux_core(const mux_core&) = delete;
  mux_core& operator=(const mux_core&) = delete;

  // --- another process goes on

  // A copy of all there is; this core can go on all the same. Of a gateway, once is_ready() and
  // until is_over(), between two turns.
  mux_core_state freeze();
  // Goes on with what another core has frozen, and check() finds possible: says no Hello, and calls
  // nobody. `options.hello` is the state's. Users attach to their streams before anything else
  // happens; false: there is none to attach to. Then the streams of those who did not are reset.
  mux_core(const mux_options& options, mux_core_state state, link_handler& handler,
           mux_clock::time_point now);
  bool attach(stream_id stream, stream_handler& handler);
  void release_unattached();

  // --- bytes and time

  // Handles every whole frame in `input` and returns the bytes they took; the caller keeps the rest
  // and shows it again with more behind it. After a failure everything is taken and ignored.
  std::size_t on_input(std::span<const std::byte> input, mux_clock::time_point now);

  // Pings, and gives up a peer that is silent or grants nothing. Call at least once per half ping
  // interval: of a longer pause only one interval counts, because a process that stands still hears
  // nobody.
  void on_time(mux_clock::time_point now);

  // Moves all output into `out`, which must be empty, then gives waiting streams their turns; what
  // they submit is output of the next call. `control` is to be written before `data`.
  void take_output(mux_output& out);

  // Bytes of output since this core began: all that was submitted, and what of it is the socket's.
  // Its owner says how much of what it took is not.
  std::int64_t output_submitted() const {
    return output_taken_ + static_cast<std::int64_t>(output_.control.size() + output_.data.size());
  }
  std::int64_t output_written() const { return output_taken_ - output_in_flight_; }
  void mark_in_flight(std::size_t bytes) { output_in_flight_ = static_cast<std::int64_t>(bytes); }

  // The socket is gone, or the caller gives up the link: every stream is told on_link_lost, or
  // streams_lost_at_once of them. Idempotent.
  void close();

  // After close or on_failed: some have not been told. For them all is as on a link that is over.
  bool is_losing_streams() const { return is_closed_ && streams_.size() != 0; }
  void lose_more_streams() { end_streams(); }

  // --- the link

  // We are the gateway, the peer's Hello has arrived, it is not suspect, neither side is going
  // away, and there is room for one more stream and for one more that is not accepted yet.
  bool can_open() const;
  bool is_ready() const { return peer_.has_value(); }
  // After a failure as wrong_backend: the name in the peer's Hello.
  const std::string& wrong_node() const { return wrong_node_; }
  bool is_suspect() const { return liveness_.is_suspect(); }
  bool is_going_away() const { return has_sent_go_away_ || has_received_go_away_; }
  bool is_over() const { return failure_.has_value() || is_closed_; }
  // After on_failed: the field of the peer's frame that was to blame, "Open.key"; empty: none.
  std::string_view failure_field() const { return failure_field_; }
  // Those that are over and not yet released as well.
  std::size_t streams_open() const { return streams_.size(); }
  // What the state of its streams keeps; without their bytes, which are in byte_buffers.
  std::size_t memory_bytes() const { return streams_.memory_bytes(); }
  stream_id highest_opened() const { return highest_opened_; }
  const mux_counters& counters() const { return counters_; }
  // Payload bytes the peer allows us to send on the link, and those it sent that are not consumed.
  std::int64_t link_credit() const { return link_send_.available(); }
  std::int64_t link_bytes_buffered() const { return link_receive_.buffered(); }
  // The latter are more than half of the window that this side announced.
  bool is_link_half_full() const {
    return link_bytes_buffered() > options_.hello.link_window_bytes / 2;
  }

  // No new streams from here on; those that exist go on. `deadline` 0: none.
  void go_away(std::chrono::milliseconds deadline);

  // --- streams: what the gateway does

  // The peer said so in its Hello.
  bool takes_early_data() const { return peer_ && (peer_->features & features::early_data) != 0; }

  // Opens a stream and names it; `open.stream` is ignored. Requires can_open(), and for one that is
  // marked as early data takes_early_data().
  stream_id open(open_frame open, stream_handler& handler);

  // Both ends announced the feature: streams may be handed over. The peer said so in its Hello.
  bool takes_handoffs() const { return is_agreed(features::handoff); }
  bool takes_notices() const { return is_agreed(features::notice); }

  // Asks the backend to give the stream up, behind the Data that was submitted for it. sendable is
  // 0 from here on, and finish does nothing. Only once the stream is accepted, and only once.
  void hand_off(stream_id stream, handoff_reason reason, std::int64_t map_epoch,
                std::chrono::milliseconds deadline);

  // Opens a stream that goes on where `checkpoint`, of another backend, ends: its positions, state
  // and `finished` are sent. What was unread there is to be submitted as Data. `open.continued` is
  // set. Requires can_open() and takes_handoffs().
  stream_id open_continued(open_frame open, const checkpoint_frame& checkpoint,
                           stream_handler& handler);

  // Tells the backend that the stream's client will be closed. May be repeated.
  void notify(stream_id stream, notice_reason reason, std::chrono::milliseconds within);

  // --- streams: what the backend does

  // Largest state that the gateway takes as a deposit; 0: none.
  std::int32_t deposit_bytes_max() const { return takes_handoffs() ? peer_->deposit_bytes_max : 0; }

  // Sends one behind the Data that was submitted for the stream. False: there is no room in the
  // queue now, so ask by wait_checkpoint. Takes no credit. What it is, it says itself:
  // - no `last`, no unread bytes: a deposit, of at most deposit_bytes_max(). Not after on_handoff.
  // - after on_handoff, unread bytes and neither `last` nor a state: a piece of the unread bytes.
  //   After the first one nothing but pieces and the last Checkpoint can be sent.
  // - after on_handoff, `last`, the state, the last piece: the stream is over both ways. The
  //   handler is not called again, and still has to release.
  // State and unread bytes are limits::data_bytes_max together at the most. `finished` need not be
  // set: it is sent as it is. One that is not allowed now is late, and does nothing.
  bool submit_checkpoint(const checkpoint_frame& checkpoint);

  // Asks for one on_writable, when submit_checkpoint has room.
  void wait_checkpoint(stream_id stream);

  // Of a `continued` stream it is sent when its Checkpoint has come; until then neither data nor
  // finish nor a deposit can be sent.
  void accept(stream_id stream);
  // In place of accept. Ends the stream both ways; its handler is not called again and need not
  // release.
  void refuse(refuse_frame refusal);

  // --- streams: both ends. An id that is no longer known is ignored

  // Payload of the stream's client, over all its streams: 0 where the id is no longer known.
  stream_traffic traffic(stream_id stream) const;

  // How many payload bytes submit_data takes now. 0: blocked, or over.
  std::size_t sendable(stream_id stream);

  // Queues min(bytes.size(), sendable(stream)) bytes and returns how many.
  std::size_t submit_data(stream_id stream, std::span<const std::byte> bytes, bool more);

  // Asks for one on_writable, when the stream has credit and the link has room.
  void wait_writable(stream_id stream);

  // The next hop took `n` bytes that on_data delivered.
  void consumed(stream_id stream, std::size_t n);

  void finish(stream_id stream);

  // Ends the stream both ways, behind the Data that was submitted for it. The handler is not called
  // again, and still has to release.
  void reset(stream_id stream, reset_reason reason);

  // The handler is not called again. A stream that is not over is reset (cancelled); unconsumed
  // bytes give their link credit back.
  void release(stream_id stream);

 private:
  void adopt_stream(const mux_stream_values& values);
  void take_peer(const hello_frame& hello);
  void on_frame(std::span<const std::byte> body);
  void on_data(const data_frame& data);
  void on_control(const control_frame& frame);
  void on_hello(const hello_frame& hello);
  void on_open(const open_frame& open);
  bool is_open_limited(stream_id stream);
  errc open_error(const open_frame& open);
  void on_accept(const accept_frame& accept);
  void on_refuse(const refuse_frame& refuse);
  void on_finish(const finish_frame& finish);
  void on_reset(const reset_frame& reset);
  void on_credit(const credit_frame& credit);
  void on_link_credit(std::int64_t bytes);
  void on_ping(const ping_frame& ping);
  void on_pong(const pong_frame& pong);
  void on_go_away(const go_away_frame& go_away);
  void on_handoff(const handoff_frame& handoff);
  void on_checkpoint(const checkpoint_frame& checkpoint);
  void on_first_checkpoint(mux_stream_state& state, const checkpoint_frame& checkpoint);
  void on_last_checkpoint(mux_stream_state& state, const checkpoint_frame& checkpoint);
  bool take_deposit(mux_stream_state& state, const checkpoint_frame& checkpoint);
  void on_notice(const notice_frame& notice);
  // 0: none.
  reset_reason checkpoint_error(mux_stream_state& state, const checkpoint_frame& checkpoint) const;

  // The peer may still send Data and Finish, as far as handing over is concerned.
  bool may_send_more(const mux_stream_state& state) const;
  // The stream a frame is for; nullptr if it is over (late frame) or was never opened (link fails).
  mux_stream_state* find_for_frame(stream_id stream);
  void stream_error(mux_stream_state& state, reset_reason reason);
  // Remembers the failure; `settle` acts on it where no stream's state is being looked at.
  void fail(errc reason);
  void settle();
  void end_streams();

  void submit(const control_frame& frame);
  void submit_answer(const control_frame& frame);  // bounded: the peer caused it
  bool is_queue_full() const;
  void submit_reset(mux_stream_state& state, reset_reason reason);
  void submit_own_reset(mux_stream_state& state, reset_reason reason);
  void submit_reset_behind_data(mux_stream_state& state, reset_reason reason);
  void end_both_ways(mux_stream_state& state);
  void mark_output();

  void submit_command(const control_frame& frame);
  void submit_due_credit();
  void consume_link(std::int64_t n);
  void look_for_link_grant();
  void erase_if_done(stream_id stream);
  bool has_open_room() const;
  std::size_t room_for(const mux_stream_state& state) const;
  bool is_link_blocked() const;
  bool has_queue_room() const;
  bool is_agreed(std::int64_t feature) const {
    return has_announced(feature) && peer_ && (peer_->features & feature) != 0;
  }
  bool has_announced(std::int64_t feature) const {
    return (options_.hello.features & feature) != 0;
  }
  bool is_backend() const { return options_.hello.role == link_role::backend; }
  void give_turns();

  const mux_options options_;
  link_handler& handler_;

  std::optional<hello_frame> peer_;
  std::string wrong_node_;
  std::size_t payload_bytes_max_ = limits::data_bytes_max;
  stream_id highest_opened_;
  stream_table streams_;
  send_window link_send_{0};
  receive_window link_receive_;

  mux_output output_;
  std::int64_t output_taken_ = 0;
  std::int64_t output_in_flight_ = 0;
  send_turns turns_;
  credit_queue credit_due_;
  std::size_t finishes_queued_ = 0;  // in output_.data
  std::size_t commands_queued_ = 0;  // bytes of Handoffs and Notices in output_.data
  std::size_t streams_at_take_ = 0;  // at the last take_output
  bool is_giving_turns_ = false;
  bool is_output_marked_ = false;  // on_output was called and take_output has not followed

  std::unordered_set<std::int64_t> unattached_;  // streams whose users are still to come

  std::optional<std::int64_t> pong_due_;  // only the newest: one answer stands for all
  link_liveness liveness_;
  token_bucket opens_;
  token_bucket stream_errors_;
  token_bucket deposits_;

  bool has_sent_go_away_ = false;
  bool has_received_go_away_ = false;
  std::optional<errc> failure_;
  std::string_view failure_field_;
  bool is_closed_ = false;
  mux_counters counters_;
};

}  // namespace presenter::protocol
