#include "protocol/mux/mux_core.hpp"

#include <algorithm>
#include <utility>

namespace presenter::protocol {
namespace {

// How many turns are given in one go. A handler that asks again without sending must not keep the
// loop for itself; streams that are left have their turn after the next output.
constexpr int turns_at_once_max = 1'024;

std::int64_t burst_of(std::int32_t per_second) {
  return std::int64_t{per_second} * limits::opens_burst_seconds;
}

}  // namespace

mux_core::mux_core(const mux_options& options, link_handler& handler, mux_clock::time_point now)
    : options_(options),
      handler_(handler),
      link_receive_(options.hello.link_window_bytes),
      liveness_({std::chrono::milliseconds(options.hello.ping_interval_ms), options.dead_after,
                 options.hello_timeout, options.link_stall_timeout},
                now),
      opens_(options.opens_per_second, burst_of(options.opens_per_second)),
      stream_errors_(limits::stream_errors_per_second, limits::stream_errors_burst),
      deposits_(options.deposits_per_second, options.deposits_per_second) {
  encode(options_.hello, output_.control);
}

// --- bytes and time
//
// What comes in is handled to its end at once: nothing here waits for a stream or for output, so
// one slow stream never stops the link. Handlers may call back into the core from inside, so a
// failure is only noted on the way, and settle() acts on it at the end.

std::size_t mux_core::on_input(std::span<const std::byte> input, mux_clock::time_point now) {
  if (!input.empty() && liveness_.on_received(now) && can_open()) handler_.on_can_open();
  std::size_t taken = 0;
  while (!is_over()) {
    const auto slice = slice_frame(input.subspan(taken));
    if (!slice) {
      fail(errc_of(slice.error()));
    } else if (slice->size == 0) {
      break;
    } else {
      taken += slice->size;
      on_frame(slice->body);
    }
  }
  settle();
  if (is_over()) return input.size();
  // Bytes of a stream that nobody reads may have made due what other streams have consumed.
  look_for_link_grant();
  give_turns();
  return taken;
}

void mux_core::on_time(mux_clock::time_point now) {
  const bool lacks_credit = link_send_.available() == 0 && turns_.is_anybody_waiting();
  const errc failure = liveness_.look({is_ready(), lacks_credit}, now);
  if (failure != errc{}) fail(failure);
  settle();
  if (is_over()) return;
  if (const auto ping = liveness_.take_ping()) submit(ping_frame{*ping});
}

void mux_core::take_output(mux_output& out) {
  is_output_marked_ = false;
  const bool could_open = can_open();
  finishes_queued_ = commands_queued_ = 0;
  streams_at_take_ = streams_.size();
  if (pong_due_) {
    encode(pong_frame{*pong_due_}, output_.control);
    pong_due_.reset();
  }
  submit_due_credit();
  out.control.swap(output_.control);
  out.data.swap(output_.data);
  const std::size_t taken = out.control.size() + out.data.size();
  output_taken_ += static_cast<std::int64_t>(taken);
  mark_in_flight(taken);
  if (is_over()) return;
  give_turns();
  if (!could_open && can_open()) handler_.on_can_open();
}

void mux_core::submit_due_credit() {
  while (!credit_due_.empty()) {
    mux_stream_state& state = credit_due_.front();
    credit_due_.pop_front();
    const credit_frame credit{state.stream, state.receive.take_grant()};
    encode(credit, output_.control);
  }
  if (link_receive_.is_grant_due()) {
    encode(credit_frame{stream_id{0}, link_receive_.take_grant()}, output_.control);
  }
}

void mux_core::close() {
  if (is_closed_) return;
  is_closed_ = true;
  end_streams();
}

// --- failure
//
// fail() may be called while a loop or a caller still holds a stream's state. So it only notes the
// reason, and the first one wins. settle() ends the streams and tells the user, from places where
// nobody holds any.

void mux_core::fail(errc reason) {
  if (!is_over()) failure_ = reason;
}

void mux_core::settle() {
  if (!failure_ || is_closed_) return;
  is_closed_ = true;
  output_.data.clear();
  submit(go_away_frame{highest_opened_, static_cast<std::int32_t>(*failure_), 0});
  end_streams();
  handler_.on_failed(make_error_code(*failure_));
}

void mux_core::end_streams() {
  for (const stream_id stream : streams_.ids(options_.streams_lost_at_once)) {
    mux_stream_state* state = streams_.find(stream);
    if (state == nullptr) continue;
    stream_handler* handler = state->was_told_end ? nullptr : state->handler;
    // A peer that this side has given up may live, and so may its applications.
    const bool is_deposit_exact = state->is_deposit_exact && !failure_;
    streams_.erase(stream);
    if (handler != nullptr) handler->on_link_lost(is_deposit_exact);
  }
}

void mux_core::stream_error(mux_stream_state& state, reset_reason reason) {
  ++counters_.stream_errors;
  handler_.on_stream_error(reason);
  if (!stream_errors_.take(liveness_.last_received())) fail(errc::stream_errors_exceeded);
  submit_reset(state, reason);
  stream_handler* handler = std::exchange(state.was_told_end, true) ? nullptr : state.handler;
  if (handler != nullptr) {
    handler->on_reset(reason, false);
  } else {
    erase_if_done(state.stream);
  }
}

// --- commands
//
// The peer's frames end streams too, so the user may name one that is gone already. Such a command
// is late, not wrong: it does nothing.

bool mux_core::has_open_room() const {
  return output_.control.size() < limits::control_queue_bytes_max / 2;
}

bool mux_core::can_open() const {
  // A Finish that waits among the Data would be overtaken by the Open: its stream still counts.
  if (is_backend() || !is_ready() || is_over()) return false;
  const auto has_room = [this](std::size_t count, std::int32_t max) {
    return count + finishes_queued_ < static_cast<std::size_t>(max);
  };
  return !is_going_away() && !is_suspect() && has_open_room() &&
         has_room(streams_.size(), peer_->streams_open_max) &&
         has_room(streams_.unaccepted(), peer_->streams_opening_max);
}

void mux_core::go_away(std::chrono::milliseconds deadline) {
  if (is_over() || std::exchange(has_sent_go_away_, true)) return;
  submit(go_away_frame{highest_opened_, 0, static_cast<std::int32_t>(deadline.count())});
}

stream_id mux_core::open(open_frame open, stream_handler& handler) {
  open.stream = stream_id{highest_opened_.value + 1};
  highest_opened_ = open.stream;
  ++counters_.streams_opened;
  streams_.insert(open.stream, &handler, peer_->stream_window_bytes,
                  options_.hello.stream_window_bytes);
  submit(std::move(open));
  return highest_opened_;
}

void mux_core::accept(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || state->is_accepted) return;
  streams_.accept(*state);
  if (state->local == direction_state::reset || state->awaits_checkpoint) return;
  submit_answer(accept_frame{stream});
}

void mux_core::refuse(refuse_frame refusal) {
  mux_stream_state* state = streams_.find(refusal.stream);
  if (state == nullptr || state->is_accepted) return;
  consume_link(state->receive.buffered());
  streams_.erase(refusal.stream);
  submit_answer(refusal);
}

stream_traffic mux_core::traffic(stream_id stream) const {
  const mux_stream_state* state = streams_.find(stream);
  return state == nullptr ? stream_traffic{} : stream_traffic{state->sent, state->received};
}

std::size_t mux_core::sendable(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || !state->can_send() || is_over()) return 0;
  if (turns_.must_wait(*state)) return 0;
  return room_for(*state);
}

std::size_t mux_core::submit_data(stream_id stream, std::span<const std::byte> bytes, bool more) {
  const std::size_t n = std::min(bytes.size(), sendable(stream));
  if (n == 0) return 0;
  mux_stream_state* state = streams_.find(stream);
  state->send.spend(static_cast<std::int64_t>(n));
  link_send_.spend(static_cast<std::int64_t>(n));
  turns_.spend(*state, n);
  state->sent += static_cast<std::uint32_t>(n);
  state->is_deposit_exact = false;
  auto rest = bytes.first(n);
  while (!rest.empty()) {
    const auto piece = rest.first(std::min(rest.size(), payload_bytes_max_));
    rest = rest.subspan(piece.size());
    encode_data(stream, more || !rest.empty(), piece, output_.data);
  }
  mark_output();
  return n;
}

void mux_core::wait_writable(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || !state->can_send() || is_over()) return;
  state->wants_turn = true;
  if (turns_.add(*state)) mark_output();
}

void mux_core::consumed(stream_id stream, std::size_t n) {
  mux_stream_state* state = streams_.find(stream);
  // Release has given the link's part back already.
  if (state == nullptr || state->handler == nullptr) return;
  consume_link(static_cast<std::int64_t>(n));
  state->receive.consume(static_cast<std::int64_t>(n));
  // A peer that has sent its last byte needs no credit.
  if (state->remote != direction_state::open || state->local == direction_state::reset) return;
  if (!state->credit_hook.is_linked() && state->receive.is_grant_due()) {
    credit_due_.push_back(*state);
    mark_output();
  }
}

void mux_core::finish(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || !state->can_send()) return;
  send_turns::leave_data(*state);
  streams_.end_local(*state, direction_state::finished);
  ++finishes_queued_;
  // Among the Data, not before it: it must not overtake what the stream has sent.
  encode(finish_frame{stream}, output_.data);
  mark_output();
  erase_if_done(stream);
}

void mux_core::reset(stream_id stream, reset_reason reason) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr) return;
  state->was_told_end = true;
  if (!state->is_over()) submit_own_reset(*state, reason);
}

void mux_core::release(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr) return;
  state->handler = nullptr;
  state->was_told_end = true;
  const std::int64_t buffered = state->receive.buffered();
  state->receive.consume(buffered);
  consume_link(buffered);
  if (!state->is_over()) submit_own_reset(*state, reset_reason::cancelled);
  erase_if_done(stream);
}

// --- output and turns
//
// Control frames overtake Data, and are bounded because the peer causes them. Data is laid out only
// up to data_queue_bytes_max. Streams that find no room stand in turns_, and each is woken for
// stream_turn_bytes, so that a stream with much to send cannot keep the others from sending.

void mux_core::submit(const control_frame& frame) {
  encode(frame, output_.control);
  mark_output();
}

void mux_core::submit_answer(const control_frame& frame) {
  if (is_queue_full()) return fail(errc::control_queue_full);
  submit(frame);
}

bool mux_core::is_queue_full() const {
  // 16 bytes per stream cover the one answer that each stream may be owed at any time; those that
  // ended by their answer count until it has left. A user's own Reset may wait among the Data.
  const std::size_t answers = 16 * std::max(streams_.size(), streams_at_take_);
  return output_.control.size() > limits::control_queue_bytes_max + answers ||
         output_.data.size() > limits::data_queue_bytes_max + 2 * limits::frame_bytes_max +
                                   commands_queued_ + answers;
}

void mux_core::submit_reset(mux_stream_state& state, reset_reason reason) {
  if (state.local == direction_state::reset) return;
  end_both_ways(state);
  submit_answer(reset_frame{state.stream, reason});
}

// Whatever the user's reason: to a peer that has reset the stream it is the answer.
void mux_core::submit_own_reset(mux_stream_state& state, reset_reason reason) {
  if (state.remote == direction_state::reset) {
    submit_reset(state, reset_reason::acknowledged);
  } else {
    submit_reset_behind_data(state, reason);
  }
}

// The user's own reset must not overtake what the user has sent: a last message would be lost. It
// is not bounded like an answer, because the peer does not cause it: there is at most one a stream.
void mux_core::submit_reset_behind_data(mux_stream_state& state, reset_reason reason) {
  if (state.local == direction_state::reset) return;
  end_both_ways(state);
  if (output_.data.empty()) {
    encode(reset_frame{state.stream, reason}, output_.control);
  } else {
    ++finishes_queued_;
    encode(reset_frame{state.stream, reason}, output_.data);
  }
  mark_output();
}

void mux_core::end_both_ways(mux_stream_state& state) {
  send_turns::leave(state);
  streams_.end_local(state, direction_state::reset);
  state.credit_hook.unlink();
}

void mux_core::mark_output() {
  if (!std::exchange(is_output_marked_, true)) handler_.on_output();
}

void mux_core::consume_link(std::int64_t n) {
  link_receive_.consume(n);
  look_for_link_grant();
}

void mux_core::look_for_link_grant() {
  if (link_receive_.is_grant_due()) mark_output();
}

void mux_core::erase_if_done(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || !state->is_over() || state->handler != nullptr) return;
  turns_.forget(*state);
  const bool could_open = can_open();
  streams_.erase(stream);
  if (!could_open && can_open()) handler_.on_can_open();
}

bool mux_core::is_link_blocked() const {
  return link_send_.available() == 0 || !has_queue_room();
}

bool mux_core::has_queue_room() const {
  return output_.data.size() < limits::data_queue_bytes_max;
}

std::size_t mux_core::room_for(const mux_stream_state& state) const {
  if (is_link_blocked()) return 0;
  const std::int64_t credit = std::min(state.send.available(), link_send_.available());
  return std::min(turns_.share_of(state), static_cast<std::size_t>(credit));
}

void mux_core::give_turns() {
  if (std::exchange(is_giving_turns_, true)) return;
  int turns_left = turns_at_once_max;
  while (turns_.is_any_checkpoint_waiting() && has_queue_room() && !is_over() && turns_left-- > 0)
    turns_.take_checkpoint().handler->on_writable();
  while (!is_link_blocked() && !is_over() && turns_left-- > 0) {
    mux_stream_state* const state = turns_.begin_next();
    if (state == nullptr) break;
    state->handler->on_writable();
    turns_.end();
  }
  const bool has_more = (turns_.is_anybody_waiting() && !is_link_blocked()) ||
                        (turns_.is_any_checkpoint_waiting() && has_queue_room());
  if (has_more) mark_output();
  is_giving_turns_ = false;
}

}  // namespace presenter::protocol
