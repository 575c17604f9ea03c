// mux_core, what the peer's frames do: one function for each row of protocol/README.md §4, and the
// states of §5.
//
// A frame for a stream that is over is not an error: it was sent before the peer knew. It is
// counted, and its payload returns to the link's credit at once, or a dead stream would eat the
// link's window. A rule that is broken on one stream resets that stream; only what no peer can mean
// fails the link.
#include <chrono>
#include <utility>
#include <variant>

#include "protocol/mux/mux_core.hpp"

namespace presenter::protocol {

void mux_core::on_frame(std::span<const std::byte> body) {
  ++counters_.frames_received;
  if (is_data(body)) {
    const auto data = decode_data(body, failure_field_);
    if (!data) return fail(errc_of(data.error()));
    if (!is_ready()) return fail(errc::hello_expected);
    return on_data(*data);
  }
  const auto control = decode_control(body, failure_field_);
  if (!control) return fail(errc_of(control.error()));
  on_control(*control);
}

void mux_core::on_control(const control_frame& frame) {
  if (const auto* hello = std::get_if<hello_frame>(&frame)) return on_hello(*hello);
  // A GoAway may come before Hello: a peer that refuses our version says so.
  if (const auto* go_away = std::get_if<go_away_frame>(&frame)) return on_go_away(*go_away);
  if (!is_ready()) return fail(errc::hello_expected);
  struct dispatch {
    mux_core& core;
    void operator()(const hello_frame&) {}
    void operator()(const go_away_frame&) {}
    void operator()(const open_frame& open) { core.on_open(open); }
    void operator()(const accept_frame& accept) { core.on_accept(accept); }
    void operator()(const refuse_frame& refuse) { core.on_refuse(refuse); }
    void operator()(const finish_frame& finish) { core.on_finish(finish); }
    void operator()(const reset_frame& reset) { core.on_reset(reset); }
    void operator()(const credit_frame& credit) { core.on_credit(credit); }
    void operator()(const ping_frame& ping) { core.on_ping(ping); }
    void operator()(const pong_frame& pong) { core.on_pong(pong); }
    void operator()(const handoff_frame& handoff) { core.on_handoff(handoff); }
    void operator()(const checkpoint_frame& checkpoint) { core.on_checkpoint(checkpoint); }
    void operator()(const notice_frame& notice) { core.on_notice(notice); }
  };
  std::visit(dispatch{*this}, frame);
}

void mux_core::on_hello(const hello_frame& hello) {
  if (is_ready()) return fail(errc::hello_repeated);
  if (hello.role == options_.hello.role) return fail(errc::hello_role);
  if (hello.version_min > options_.hello.version_max ||
      hello.version_max < options_.hello.version_min) {
    return fail(errc::hello_version);
  }
  if (!options_.peer_node.empty() && !hello.node.empty() && hello.node != options_.peer_node) {
    wrong_node_ = hello.node;
    return fail(errc::wrong_backend);
  }
  take_peer(hello);
  handler_.on_ready(*peer_);
}

void mux_core::take_peer(const hello_frame& hello) {
  peer_ = hello;
  payload_bytes_max_ = std::min(
      limits::data_bytes_max, static_cast<std::size_t>(hello.frame_bytes_max) - data_overhead_max);
  link_send_ = send_window(hello.link_window_bytes);
}

mux_stream_state* mux_core::find_for_frame(stream_id stream) {
  mux_stream_state* state = streams_.find(stream);
  if (state != nullptr) return state;
  if (stream > highest_opened_) {
    fail(errc::stream_never_opened);
  } else {
    ++counters_.late_frames;
  }
  return nullptr;
}

void mux_core::on_data(const data_frame& data) {
  const auto n = static_cast<std::int64_t>(data.payload.size());
  if (!link_receive_.receive(n)) return fail(errc::link_window_exceeded);
  mux_stream_state* state = find_for_frame(data.stream);
  if (state == nullptr || state->is_reset() || state->handler == nullptr) return consume_link(n);

  const auto refuse_payload = [&](reset_reason reason) {
    consume_link(n);
    stream_error(*state, reason);
  };
  if (state->remote != direction_state::open) return refuse_payload(reset_reason::bad_state);
  if (!may_send_more(*state)) return refuse_payload(reset_reason::bad_state);
  if (!is_backend() && !state->is_accepted) return refuse_payload(reset_reason::bad_state);
  if (n == 0) return refuse_payload(reset_reason::data_empty);
  if (!state->receive.receive(n)) return refuse_payload(reset_reason::window_exceeded);
  state->received += static_cast<std::uint32_t>(n);
  state->is_deposit_exact = false;
  state->handler->on_data(data.payload, data.more);
}

void mux_core::on_open(const open_frame& open) {
  if (const errc error = open_error(open); error != errc{}) return fail(error);
  highest_opened_ = open.stream;
  if (has_sent_go_away_) {
    return submit_answer(refuse_frame{open.stream, refuse_reason::shutting_down, {}, {}});
  }
  if (is_open_limited(open.stream)) return;
  ++counters_.streams_opened;
  streams_
      .insert(open.stream, nullptr, peer_->stream_window_bytes, options_.hello.stream_window_bytes)
      .awaits_checkpoint = open.continued.has_value();
  stream_handler* handler = handler_.on_open(open.stream, open);
  mux_stream_state* state = streams_.find(open.stream);
  if (state != nullptr) {
    // on_open may have released or reset it: then its handler is told nothing more.
    if (!state->was_told_end) state->handler = handler;
  } else if (handler != nullptr && is_closed_) {
    handler->on_link_lost(false);
  }
}

errc mux_core::open_error(const open_frame& open) {
  const auto is_above = [](std::size_t count, std::int32_t max) {
    return count >= static_cast<std::size_t>(max);
  };
  if (!is_backend()) return errc::wrong_direction;
  if (open.stream <= highest_opened_) return errc::stream_not_increasing;
  if (open.early_data && !has_announced(features::early_data)) {
    failure_field_ = "Open.early_data";
    return errc::field_invalid;
  }
  if (open.continued && !has_announced(features::handoff)) {
    failure_field_ = "Open.continued";
    return errc::field_invalid;
  }
  if (is_above(streams_.open_count(), options_.hello.streams_open_max) ||
      is_above(streams_.opening_count(), options_.hello.streams_opening_max)) {
    return errc::streams_exceeded;
  }
  // The user may answer by a Reset of its own, which no bound counts. So the Open is counted here.
  return is_queue_full() ? errc::control_queue_full : errc{};
}

// A stream can be reset only once, so this bounds Resets as well.
bool mux_core::is_open_limited(stream_id stream) {
  if (opens_.take(liveness_.last_received())) return false;
  ++counters_.opens_limited;
  const auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(opens_.until_next(liveness_.last_received()));
  const auto retry_after_ms = static_cast<std::int32_t>(wait.count());
  submit_answer(refuse_frame{stream, refuse_reason::busy, {}, retry_after_ms});
  return true;
}

void mux_core::on_accept(const accept_frame& accept) {
  if (is_backend()) return fail(errc::wrong_direction);
  mux_stream_state* state = find_for_frame(accept.stream);
  if (state == nullptr) return;
  if (state->is_accepted) {
    if (!state->is_reset()) stream_error(*state, reset_reason::bad_state);
    return;
  }
  const bool could_open = can_open();
  // After a Reset of ours it is noted all the same: what follows it is in order.
  streams_.accept(*state);
  if (!state->was_told_end) state->handler->on_accepted();
  if (!could_open && can_open()) handler_.on_can_open();
}

void mux_core::on_refuse(const refuse_frame& refuse) {
  if (is_backend()) return fail(errc::wrong_direction);
  mux_stream_state* state = find_for_frame(refuse.stream);
  if (state == nullptr) return;
  if (state->is_accepted) {
    if (!state->is_reset()) stream_error(*state, reset_reason::bad_state);
    return;
  }
  send_turns::leave(*state);
  streams_.end_local(*state, direction_state::reset);
  streams_.end_remote(*state, direction_state::reset);
  if (!std::exchange(state->was_told_end, true) && state->handler != nullptr) {
    state->handler->on_refused(refuse);
  }
  erase_if_done(refuse.stream);
}

void mux_core::on_finish(const finish_frame& finish) {
  mux_stream_state* state = find_for_frame(finish.stream);
  if (state == nullptr) return;
  if (!state->is_reset()) {
    const bool out_of_order = (!is_backend() && !state->is_accepted) || !may_send_more(*state);
    if (state->remote != direction_state::open || out_of_order) {
      return stream_error(*state, reset_reason::bad_state);
    }
  } else if (state->remote != direction_state::open) {
    return;
  }
  streams_.end_remote(*state, direction_state::finished);
  if (!state->was_told_end && state->handler != nullptr) state->handler->on_finish();
  erase_if_done(finish.stream);
}

void mux_core::on_reset(const reset_frame& reset) {
  mux_stream_state* state = find_for_frame(reset.stream);
  if (state == nullptr) return;
  send_turns::leave(*state);
  streams_.end_remote(*state, direction_state::reset);
  if (!std::exchange(state->was_told_end, true) && state->handler != nullptr) {
    state->handler->on_reset(reset.reason, true);
  }
  erase_if_done(reset.stream);
}

void mux_core::on_credit(const credit_frame& credit) {
  if (credit.stream.value == 0) return on_link_credit(credit.bytes);
  mux_stream_state* state = find_for_frame(credit.stream);
  if (state == nullptr) return;
  if (state->awaits_checkpoint && !state->is_reset()) {
    return stream_error(*state, reset_reason::bad_state);
  }
  if (!state->can_send()) return;
  if (credit.bytes < limits::stream_credit_bytes_min) {
    return stream_error(*state, reset_reason::credit_too_small);
  }
  if (!state->send.grant(credit.bytes, limits::stream_window_bytes_max)) {
    return stream_error(*state, reset_reason::credit_overflow);
  }
  if (state->wants_turn) turns_.add(*state);
}

void mux_core::on_link_credit(std::int64_t bytes) {
  if (bytes < limits::link_credit_bytes_min) return fail(errc::link_credit_too_small);
  if (!link_send_.grant(bytes, limits::link_window_bytes_max)) {
    return fail(errc::link_credit_overflow);
  }
  if (liveness_.on_link_credit() && can_open()) handler_.on_can_open();
}

void mux_core::on_ping(const ping_frame& ping) {
  pong_due_ = ping.opaque;
  mark_output();
}

void mux_core::on_pong(const pong_frame& pong) {
  if (!liveness_.on_pong(pong.opaque)) fail(errc::pong_unexpected);
}

void mux_core::on_go_away(const go_away_frame& go_away) {
  if (go_away.reason != 0) liveness_.on_failing();
  // Only the first one counts: it costs a look at every stream, and its receiver a line of log.
  if (std::exchange(has_received_go_away_, true)) return;
  if (!is_backend()) {
    for (const stream_id stream : streams_.ids()) {
      if (stream > go_away.last_stream && streams_.find(stream) != nullptr &&
          !streams_.find(stream)->is_accepted) {
        on_refuse({stream, refuse_reason::shutting_down, {}, {}});
      }
    }
  }
  handler_.on_go_away(go_away);
}

}  // namespace presenter::protocol
