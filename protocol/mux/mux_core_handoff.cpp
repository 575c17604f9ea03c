// mux_core, how a stream goes from one backend to another: protocol/README.md §4.11 to §4.13.
//
// The gateway asks, and says nothing more on the stream. The backend gives back what its
// application had not read, the state and the positions; these must be what the gateway counted, or
// a byte would be lost or doubled at the next backend without anybody noticing.
#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/mux/mux_core.hpp"

namespace presenter::protocol {
namespace {

std::int32_t milliseconds_of(std::chrono::milliseconds time) {
  constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(time.count(), 1, longest));
}

// Positions are compared modulo 2^32: a stream's windows are far smaller.
std::uint32_t position(std::int64_t value) {
  return static_cast<std::uint32_t>(value);
}

bool is_deposit(const checkpoint_frame& checkpoint) {
  return !checkpoint.last && checkpoint.unread.empty();
}

}  // namespace

// --- what the gateway does

void mux_core::hand_off(stream_id stream, handoff_reason reason, std::int64_t map_epoch,
                        std::chrono::milliseconds deadline) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || is_backend() || is_over() || !takes_handoffs()) return;
  if (!state->is_accepted || state->is_over() || state->is_reset()) return;
  if (state->handoff != handoff_state::none) return;
  send_turns::leave(*state);
  state->handoff = handoff_state::asked;
  state->is_silent = true;
  submit_command(handoff_frame{stream, reason, map_epoch, milliseconds_of(deadline)});
}

stream_id mux_core::open_continued(open_frame open, const checkpoint_frame& checkpoint,
                                   stream_handler& handler) {
  const stream_id stream = this->open(std::move(open), handler);
  mux_stream_state& state = *streams_.find(stream);
  state.sent = position(checkpoint.consumed);
  state.received = position(checkpoint.produced);
  checkpoint_frame first = checkpoint;
  first.stream = stream;
  first.unread = {};
  first.last = false;
  // Among the control frames, right behind its Open: nothing of the stream comes between.
  submit(first);
  if (checkpoint.finished) streams_.end_remote(state, direction_state::finished);
  return stream;
}

void mux_core::notify(stream_id stream, notice_reason reason, std::chrono::milliseconds within) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || is_backend() || is_over() || !takes_notices()) return;
  if (state->is_over() || state->is_reset() || state->handoff != handoff_state::none) return;
  submit_command(notice_frame{stream, reason, milliseconds_of(within)});
}

// Among the Data: many streams at once must not fill the queue of control frames, which is bounded
// because the peer causes those.
void mux_core::submit_command(const control_frame& frame) {
  const std::size_t before = output_.data.size();
  encode(frame, output_.data);
  commands_queued_ += output_.data.size() - before;
  mark_output();
}

// --- what the backend does

bool mux_core::submit_checkpoint(const checkpoint_frame& checkpoint) {
  mux_stream_state* state = streams_.find(checkpoint.stream);
  if (state == nullptr || !is_backend() || is_over() || !takes_handoffs()) return true;
  if (!state->is_accepted || state->awaits_checkpoint) return true;
  if (state->is_over() || state->is_reset()) return true;
  const bool is_asked = state->handoff != handoff_state::none;
  const bool is_allowed =
      is_deposit(checkpoint)
          ? !is_asked && state->local == direction_state::open &&
                checkpoint.state.size() <= static_cast<std::size_t>(deposit_bytes_max())
          : is_asked && (checkpoint.last || checkpoint.state.empty());
  if (!is_allowed || (is_deposit(checkpoint) && deposit_bytes_max() == 0)) return true;
  if (!has_queue_room()) return false;

  checkpoint_frame sent = checkpoint;
  sent.finished = state->local == direction_state::finished;
  // Behind the Data of its stream, and behind its Finish.
  encode(sent, output_.data);
  mark_output();
  if (is_asked) {
    send_turns::leave(*state);
    state->handoff = handoff_state::giving;
    state->is_silent = true;
  }
  if (checkpoint.last) {
    state->was_told_end = true;
    streams_.end_remote(*state, direction_state::reset);
    end_both_ways(*state);
  }
  return true;
}

void mux_core::wait_checkpoint(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || state->was_told_end || state->is_reset() || is_over()) return;
  if (state->handler == nullptr || state->wants_checkpoint) return;
  turns_.add_checkpoint(*state);
  if (has_queue_room()) mark_output();
}

// --- what the peer's frames do

bool mux_core::may_send_more(const mux_stream_state& state) const {
  return is_backend() ? state.handoff == handoff_state::none && !state.awaits_checkpoint
                      : state.handoff != handoff_state::giving;
}

void mux_core::on_handoff(const handoff_frame& handoff) {
  if (!has_announced(features::handoff)) return fail(errc::frame_unknown);
  if (!is_backend()) return fail(errc::wrong_direction);
  mux_stream_state* state = find_for_frame(handoff.stream);
  if (state == nullptr || state->is_reset() || state->is_over()) return;
  if (!state->is_accepted || !may_send_more(*state)) {
    return stream_error(*state, reset_reason::bad_state);
  }
  state->handoff = handoff_state::asked;
  if (!state->was_told_end && state->handler != nullptr) state->handler->on_handoff(handoff);
}

void mux_core::on_notice(const notice_frame& notice) {
  if (!has_announced(features::notice)) return fail(errc::frame_unknown);
  if (!is_backend()) return fail(errc::wrong_direction);
  mux_stream_state* state = find_for_frame(notice.stream);
  if (state == nullptr || state->is_reset() || state->is_over()) return;
  if (!may_send_more(*state)) return stream_error(*state, reset_reason::bad_state);
  if (!state->was_told_end && state->handler != nullptr) state->handler->on_notice(notice);
}

void mux_core::on_checkpoint(const checkpoint_frame& checkpoint) {
  if (!has_announced(features::handoff)) return fail(errc::frame_unknown);
  mux_stream_state* state = find_for_frame(checkpoint.stream);
  if (state == nullptr) return;
  if (is_backend()) return on_first_checkpoint(*state, checkpoint);
  if (state->is_reset() || state->is_over()) {
    // Ours crossed it. To the peer the stream is over, so that no answer comes.
    if (checkpoint.last) streams_.end_remote(*state, direction_state::reset);
    return erase_if_done(checkpoint.stream);
  }
  const reset_reason error = checkpoint_error(*state, checkpoint);
  if (error != reset_reason{}) {
    // Whatever is wrong with the last one, its sender has ended the stream, and answers no Reset.
    if (checkpoint.last) streams_.end_remote(*state, direction_state::reset);
    return stream_error(*state, error);
  }
  if (checkpoint.last) return on_last_checkpoint(*state, checkpoint);
  if (is_deposit(checkpoint)) {
    if (!take_deposit(*state, checkpoint)) return;
  } else {
    state->handoff = handoff_state::giving;
    state->sent -= static_cast<std::uint32_t>(checkpoint.unread.size());
  }
  state->handler->on_checkpoint(checkpoint);
}

// One that is dropped leaves an older state with the user: it must not be taken for the newest.
bool mux_core::take_deposit(mux_stream_state& state, const checkpoint_frame& checkpoint) {
  ++counters_.deposits;
  const bool is_taken = deposits_.take(liveness_.last_received());
  if (!is_taken) ++counters_.deposits_dropped;
  state.is_deposit_exact = is_taken && position(checkpoint.consumed) == state.sent &&
                           position(checkpoint.produced) == state.received;
  return is_taken;
}

void mux_core::on_first_checkpoint(mux_stream_state& state, const checkpoint_frame& checkpoint) {
  if (state.is_reset()) return;
  const bool is_due = std::exchange(state.awaits_checkpoint, false);
  if (!is_due || checkpoint.last || !checkpoint.unread.empty()) {
    return stream_error(state, reset_reason::bad_state);
  }
  state.received = position(checkpoint.consumed);
  state.sent = position(checkpoint.produced);
  if (state.is_accepted) submit_answer(accept_frame{state.stream});
  if (checkpoint.finished) streams_.end_local(state, direction_state::finished);
  if (!state.was_told_end && state.handler != nullptr) state.handler->on_checkpoint(checkpoint);
}

// Over both ways at once, like a refused stream. Its bytes that the user has not consumed yet still
// give their link credit back.
void mux_core::on_last_checkpoint(mux_stream_state& state, const checkpoint_frame& checkpoint) {
  streams_.end_remote(state, direction_state::reset);
  end_both_ways(state);
  state.was_told_end = true;
  state.handler->on_checkpoint(checkpoint);
  erase_if_done(checkpoint.stream);
}

reset_reason mux_core::checkpoint_error(mux_stream_state& state,
                                        const checkpoint_frame& checkpoint) const {
  const bool is_finished = state.remote == direction_state::finished;
  const auto unread = static_cast<std::int64_t>(checkpoint.unread.size());
  if (!state.is_accepted) return reset_reason::bad_state;
  if (checkpoint.finished != is_finished) return reset_reason::position_mismatch;
  if (is_deposit(checkpoint)) {
    if (is_finished || state.handoff == handoff_state::giving) return reset_reason::bad_state;
    const auto most = static_cast<std::size_t>(options_.hello.deposit_bytes_max);
    const bool fits = most != 0 && checkpoint.state.size() <= most;
    return fits ? reset_reason{} : reset_reason::state_too_large;
  }
  if (state.handoff == handoff_state::none) return reset_reason::bad_state;
  if (!checkpoint.last && !checkpoint.state.empty()) return reset_reason::bad_state;
  // What was read has given its credit back, or might have: so no more is unread than the window
  // lacks, and a peer cannot send unread bytes for ever.
  if (unread != 0 && !state.send.grant(unread, peer_->stream_window_bytes)) {
    return reset_reason::position_mismatch;
  }
  const bool is_whole = position(checkpoint.consumed + unread) == state.sent &&
                        position(checkpoint.produced) == state.received;
  return !checkpoint.last || is_whole ? reset_reason{} : reset_reason::position_mismatch;
}

}  // namespace presenter::protocol
