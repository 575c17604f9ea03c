#!/usr/bin/env python3
"""Breaks one rule of protocol/mux at a time, and shows that the simulation notices.

    tests/simulation/mutate.py [--check] [NAME …]      see tests/support/mutation.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import mutation  # noqa: E402  pylint: disable=wrong-import-position

CORE = "protocol/mux/mux_core.cpp"
FRAMES = "protocol/mux/mux_core_frames.cpp"
WINDOW = "protocol/mux/credit_window.hpp"
TURNS = "protocol/mux/send_turns.hpp"
LIVENESS = "protocol/mux/link_liveness.cpp"
HANDOFF = "protocol/mux/mux_core_handoff.cpp"
STATE = "protocol/mux/mux_core_state.cpp"

CHECKER = mutation.Checker(
    folders=("base", "protocol", "tests/simulation", "tests/support"),
    sources=("protocol/mux/*.cpp", "protocol/wire/mux_frame*.cpp",
             "protocol/wire/thrift_compact.cpp", "protocol/errc.cpp", "tests/simulation/*.cpp"),
    replay=r"PRESENTER_SEED=(\d+) \(step (\d+)\)", columns=("seed", "step"),
    arguments=("--gtest_filter=Simulation.*",))

# name: what is broken, and how: (file, text, what stands there instead) …
MUTATIONS = {
    "grant_on_receipt": (
        "credit goes back when bytes arrive, not when they are read",
        (FRAMES, "  state->handler->on_data(data.payload, data.more);",
         "  stream_handler* const reader = state->handler;\n"
         "  consume_link(n);\n  state->receive.consume(n);\n"
         "  if (!state->credit_hook.is_linked() && state->receive.is_grant_due()) {\n"
         "    credit_due_.push_back(*state);\n    mark_output();\n  }\n"
         "  reader->on_data(data.payload, data.more);"),
        (CORE, "void mux_core::consumed(stream_id stream, std::size_t n) {\n",
         "void mux_core::consumed(stream_id stream, std::size_t n) {\n  if (n != 0) return;\n")),
    "release_keeps_link_credit": (
        "what a released stream had not read never returns to the link",
        (CORE, "  consume_link(buffered);\n", "")),
    "refuse_keeps_link_credit": (
        "what a refused stream had sent never returns to the link",
        (CORE, "  consume_link(state->receive.buffered());\n", "")),
    "late_data_keeps_link_credit": (
        "Data for a stream that was reset eats the link's window",
        (FRAMES, "state->handler == nullptr) return consume_link(n);",
         "state->handler == nullptr) return;")),
    "finish_overtakes_data": (
        "Finish goes with the control frames",
        (CORE, "  encode(finish_frame{stream}, output_.data);",
         "  encode(finish_frame{stream}, output_.control);")),
    "reset_overtakes_data": (
        "an application's Reset goes with the control frames",
        (CORE, "  if (output_.data.empty()) {\n    encode(reset_frame{state.stream, reason}",
         "  if (is_ready()) {\n    encode(reset_frame{state.stream, reason}")),
    "open_overtakes_finish": (
        "a stream whose Finish still waits does not count any more",
        (CORE, "    return count + finishes_queued_ <", "    return count <")),
    "open_overtakes_opening": (
        "a stream that is not accepted does not count against streams_opening_max",
        (CORE, "         has_room(streams_.unaccepted(), peer_->streams_opening_max);",
         "         peer_->streams_opening_max != 0;")),
    "accept_tells_nobody": (
        "an Accept makes room for another stream, and nobody is told",
        (FRAMES, "  if (!state->was_told_end) state->handler->on_accepted();\n"
         "  if (!could_open && can_open()) handler_.on_can_open();\n",
         "  if (!state->was_told_end && !could_open) return state->handler->on_accepted();\n"
         "  if (!state->was_told_end) state->handler->on_accepted();\n")),
    "half_close_ignored": (
        "the peer's Finish ends our direction as well",
        (FRAMES, "  streams_.end_remote(*state, direction_state::finished);",
         "  send_turns::leave(*state);\n  streams_.end_local(*state, direction_state::finished);\n"
         "  streams_.end_remote(*state, direction_state::finished);")),
    "stream_window_not_spent": (
        "sending takes nothing from the stream's window",
        (CORE, "  state->send.spend(static_cast<std::int64_t>(n));\n", "")),
    "link_window_not_spent": (
        "sending takes nothing from the link's window",
        (CORE, "  link_send_.spend(static_cast<std::int64_t>(n));\n", "")),
    "credit_granted_twice": (
        "a grant is not taken from what is owed",
        (WINDOW, "    owed_ = 0;\n", "")),
    "grant_only_when_whole": (
        "a grant waits until the whole window has been read",
        (WINDOW, "held_by_peer_ < size_ / 2 && owed_ >= ",
         "held_by_peer_ < size_ / 2 && owed_ >= 4 * ")),
    "reader_waits_for_writer": (
        "no input is handled while Data waits to be written",
        (CORE, "  while (!is_over()) {\n    const auto slice",
         "  while (!is_over() && output_.data.empty()) {\n    const auto slice")),
    "no_turn_after_stream_credit": (
        "a stream that waits is forgotten when its credit comes",
        (FRAMES, "  if (state->wants_turn) turns_.add(*state);\n", "")),
    "no_turn_after_link_credit": (
        "nobody has a turn when the link's credit comes",
        (CORE, "look_for_link_grant();\n  give_turns();\n  return taken;",
         "look_for_link_grant();\n  return taken;")),
    "reset_not_acknowledged": (
        "the peer's Reset is never answered",
        (CORE, "submit_reset(state, reset_reason::acknowledged);",
         "end_both_ways(state);")),
    "waiters_overtaken": (
        "who sends without waiting gets ahead of those who wait",
        (CORE, "  if (turns_.must_wait(*state)) return 0;\n", "")),
    "turn_without_end": (
        "a turn lasts as long as there is room",
        (TURNS, "      bytes_left_ = limits::stream_turn_bytes;",
         "      bytes_left_ = limits::data_queue_bytes_max * 4;")),
    "newest_waiter_first": (
        "who asked last for a turn has it first",
        (TURNS, "    waiting_.push_back(state);", "    waiting_.push_front(state);")),
    "suspect_for_ever": (
        "a byte from a suspect peer clears nothing",
        (LIVENESS, "  return std::exchange(is_silent_, false);", "  return is_silent_;"),
        (LIVENESS, "  is_silent_ = silence >= 2 * limits_.ping_interval;",
         "  is_silent_ = is_silent_ || silence >= 2 * limits_.ping_interval;")),
    "link_credit_tells_nobody": (
        "a grant of the link waits for other output",
        (CORE, "  if (link_receive_.is_grant_due()) mark_output();\n", "")),
    "turn_tells_nobody": (
        "who asks for a turn waits for other output",
        (CORE, "  if (turns_.add(*state)) mark_output();", "  turns_.add(*state);")),
    "no_turns_at_output": (
        "nobody has a turn when the queue was taken",
        (CORE, "  if (is_over()) return;\n  give_turns();\n", "  if (is_over()) return;\n")),
    "queue_without_bound": (
        "Data that waits is bounded by nothing but credit",
        (CORE, "output_.data.size() < limits::data_queue_bytes_max;",
         "output_.data.size() < 16 * limits::data_queue_bytes_max;")),
    "frame_larger_than_announced": (
        "the peer's frame_bytes_max is not looked at",
        (CORE, "std::min(rest.size(), payload_bytes_max_)",
         "std::min(rest.size(), limits::data_bytes_max)")),
    "can_open_not_told": (
        "room for a stream comes, and nobody is told",
        (CORE, "  streams_.erase(stream);\n  if (!could_open && can_open()) "
         "handler_.on_can_open();",
         "  streams_.erase(stream);")),
    "link_lost_not_told": (
        "streams do not hear of the end of their link",
        (CORE, "    if (handler != nullptr) handler->on_link_lost(is_deposit_exact);\n", "")),
    "ping_not_answered": (
        "a Ping has no Pong",
        (FRAMES, "  pong_due_ = ping.opaque;\n", "")),
    "silence_is_no_death": (
        "a link on which nothing arrives is never given up",
        (LIVENESS, "  if (silence >= limits_.dead_after) return errc::link_timeout;\n", "")),
    "position_not_checked": (
        "the last Checkpoint's positions are not compared with what was counted",
        (HANDOFF, "  return !checkpoint.last || is_whole ? reset_reason{} "
         ": reset_reason::position_mismatch;",
         "  return is_whole || !is_whole ? reset_reason{} : reset_reason::position_mismatch;")),
    "unread_forgotten": (
        "a piece of unread bytes is not counted",
        (HANDOFF,
         "    state->sent -= static_cast<std::uint32_t>(checkpoint.unread.size());\n", "")),
    "handoff_overtakes_data": (
        "Handoff goes with the control frames",
        (HANDOFF, "  encode(frame, output_.data);\n  commands_queued_",
         "  encode(frame, output_.control);\n  commands_queued_")),
    "checkpoint_overtakes_data": (
        "a backend's Checkpoint goes with the control frames",
        (HANDOFF, "  encode(sent, output_.data);", "  encode(sent, output_.control);")),
    "speaks_after_handoff": (
        "a gateway that has sent Handoff may still send Data",
        (HANDOFF, "  state->handoff = handoff_state::asked;\n  state->is_silent = true;\n",
         "  state->handoff = handoff_state::asked;\n")),
    "speaks_after_a_piece": (
        "a backend that is giving up may still send Data",
        (HANDOFF, "    state->handoff = handoff_state::giving;\n    state->is_silent = true;\n",
         "    state->handoff = handoff_state::asked;\n")),
    "deposit_not_replaced": (
        "a deposit that is not exact leaves the one before as exact",
        (HANDOFF, "  state.is_deposit_exact = is_taken && position(",
         "  state.is_deposit_exact = state.is_deposit_exact || position(")),
    "exact_after_sending": (
        "Data to the backend leaves a deposit exact",
        (CORE, "  state->is_deposit_exact = false;\n", "")),
    "exact_after_receiving": (
        "Data from the backend leaves a deposit exact",
        (FRAMES, "  state->is_deposit_exact = false;\n", "")),
    "exact_after_silence": (
        "a link that this side gave up leaves a deposit exact",
        (CORE, "state->is_deposit_exact && !failure_;", "state->is_deposit_exact;")),
    "last_is_no_end": (
        "the last Checkpoint ends the gateway's side only",
        (HANDOFF, "const checkpoint_frame& checkpoint) {\n"
         "  streams_.end_remote(state, direction_state::reset);\n",
         "const checkpoint_frame& checkpoint) {\n")),
    "crossed_last_is_ignored": (
        "the last Checkpoint that crosses a Reset ends nothing",
        (HANDOFF,
         "    if (checkpoint.last) streams_.end_remote(*state, direction_state::reset);\n"
         "    return erase_if_done", "    return erase_if_done")),
    "wrong_last_is_no_end": (
        "the sender of a wrong last Checkpoint is waited for",
        (HANDOFF,
         "    if (checkpoint.last) streams_.end_remote(*state, direction_state::reset);\n"
         "    return stream_error", "    return stream_error")),
    "positions_begin_again": (
        "a continued stream counts from 0",
        (HANDOFF, "  state.sent = position(checkpoint.consumed);\n"
         "  state.received = position(checkpoint.produced);\n", "")),
    "finished_forgotten": (
        "the new backend's direction is open, though the old one had finished",
        (HANDOFF, "  if (checkpoint.finished) streams_.end_local(state, "
         "direction_state::finished);\n", "")),
    "finished_forgotten_at_gateway": (
        "the gateway waits for a Finish that has come on the stream before",
        (HANDOFF, "  if (checkpoint.finished) streams_.end_remote(state, "
         "direction_state::finished);\n", "")),

    # Another process goes on.
    "state_turn_lost": (
        "a stream that waits for a turn does not wait in the new process",
        (STATE, "  for (const stream_id waiting : state.turns)\n",
         "  if (state.turns.size() > 1) state.turns.pop_back();\n"
         "  for (const stream_id waiting : state.turns)\n")),
    "state_wish_lost": (
        "that a stream without credit wants a turn is forgotten",
        (STATE, "  stream.wants_turn = values.wants_turn;\n", "")),
    "state_window_off_by_one": (
        "the link's window is one byte smaller",
        (STATE, "  link_send_ = send_window(state.link_send_available);",
         "  link_send_ = send_window(std::max(0, state.link_send_available - 1));")),
    "state_owed_lost": (
        "credit that is owed to a stream is not owed any more",
        (STATE, "  stream.receive = receive_window(values.receive);",
         "  stream.receive = receive_window({values.receive.size, values.receive.held_by_peer, "
         "0});")),
    "state_credit_due_lost": (
        "streams whose credit is due are forgotten",
        (STATE, "    credit_due_.push_back(*streams_.find(due));",
         "    if (due.value < 0) credit_due_.push_back(*streams_.find(due));")),
    "state_finishes_lost": (
        "Finishes that wait among the Data are not counted",
        (STATE, "  finishes_queued_ = state.finishes_queued;\n", "")),
    "state_output_lost": (
        "queued Data stays in the old process",
        (STATE, "  output_.data = std::move(state.data);\n", "")),
    "state_answers_lost": (
        "queued control frames stay in the old process",
        (STATE, "  output_.control = std::move(state.control);\n", "")),
    "state_ping_lost": (
        "the new process does not know of the Ping that was sent",
        (STATE, "  liveness_.go_on(state.liveness, now);\n", "")),
    "state_end_lost": (
        "a stream that was finished is open again",
        (STATE, "  if (values.local != direction_state::open) streams_.end_local(stream, "
         "values.local);\n", "")),
    "state_positions_lost": (
        "a stream's positions begin again",
        (STATE, "  stream.sent = values.sent;\n  stream.received = values.received;\n", "")),
    "state_exact_lost": (
        "an exact deposit is not exact any more",
        (STATE, "  stream.is_deposit_exact = values.is_deposit_exact;\n", "")),
    "state_go_away_lost": (
        "a GoAway that has come is forgotten",
        (STATE, "  has_received_go_away_ = state.has_received_go_away;\n", "")),
    "state_accepted_lost": (
        "accepted streams are not accepted any more",
        (STATE, "  if (values.is_accepted) streams_.accept(stream);\n", "")),
}


if __name__ == "__main__":
    sys.exit(mutation.main(__doc__, CHECKER, MUTATIONS))
