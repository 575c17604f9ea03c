#include "protocol/mux/mux_core_state.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "protocol/mux/mux_core.hpp"

namespace presenter::protocol {
namespace {

bool is_possible(const receive_window::parts& window, std::int64_t size_max) {
  return window.size > 0 && window.size <= size_max && window.held_by_peer >= 0 &&
         window.owed >= 0 &&
         std::int64_t{window.held_by_peer} + window.owed <= std::int64_t{window.size};
}

bool is_possible(const mux_stream_values& stream, stream_id highest) {
  // One whose user has let go only waits for the peer's Reset, and nobody is told of that.
  const bool is_waited_for =
      stream.has_user || (stream.was_told_end && stream.local == direction_state::reset &&
                          stream.remote == direction_state::open);
  return stream.stream.value >= 1 && stream.stream <= highest && is_waited_for &&
         stream.send_available >= 0 && stream.send_available <= limits::stream_window_bytes_max &&
         is_possible(stream.receive, limits::stream_window_bytes_max) &&
         stream.local <= direction_state::reset && stream.remote <= direction_state::reset &&
         stream.handoff <= handoff_state::giving;
}

// Its user will be told of its turn.
bool may_have_turn(const mux_stream_values& stream) {
  return stream.has_user && !stream.was_told_end && stream.wants_turn && !stream.is_silent &&
         stream.local == direction_state::open && stream.remote != direction_state::reset;
}

bool are_possible(const std::vector<stream_id>& queue,
                  const std::unordered_set<std::int64_t>& allowed) {
  std::unordered_set<std::int64_t> seen;
  return std::ranges::all_of(queue, [&](stream_id stream) {
    return allowed.contains(stream.value) && seen.insert(stream.value).second;
  });
}

// What is queued is counted in frames and bytes of the queue; of streams there are no more.
bool is_output_possible(const mux_core_state& state) {
  return state.finishes_queued <= state.data.size() && state.commands_queued <= state.data.size() &&
         state.streams_at_take <= static_cast<std::uint64_t>(state.highest_opened.value);
}

}  // namespace

boost::system::error_code check(const mux_core_state& state) {
  const boost::system::error_code impossible = errc::field_invalid;
  const bool is_link_possible = state.hello.role == link_role::gateway &&
                                state.peer.role == link_role::backend &&
                                state.link_send_available >= 0 &&
                                state.link_send_available <= limits::link_window_bytes_max &&
                                is_possible(state.link_receive, limits::link_window_bytes_max) &&
                                state.highest_opened.value >= 0 && is_output_possible(state);
  if (!is_link_possible) return impossible;
  std::unordered_set<std::int64_t> all;
  std::unordered_set<std::int64_t> senders;
  for (const mux_stream_values& stream : state.streams) {
    const std::int64_t id = stream.stream.value;
    if (!is_possible(stream, state.highest_opened) || !all.insert(id).second) return impossible;
    if (may_have_turn(stream)) senders.insert(id);
  }
  const bool is_possible =
      are_possible(state.turns, senders) && are_possible(state.credit_due, all);
  return is_possible ? boost::system::error_code() : impossible;
}

// --- freezing

mux_core_state mux_core::freeze() {
  mux_core_state state;
  state.hello = options_.hello;
  state.peer = *peer_;
  state.highest_opened = highest_opened_;
  state.streams.reserve(streams_.size());
  for (const stream_id id : streams_.ids()) {
    const mux_stream_state& stream = *streams_.find(id);
    state.streams.push_back({.stream = id,
                             .has_user = stream.handler != nullptr,
                             .send_available = static_cast<std::int32_t>(stream.send.available()),
                             .receive = stream.receive.all(),
                             .sent = stream.sent,
                             .received = stream.received,
                             .local = stream.local,
                             .remote = stream.remote,
                             .handoff = stream.handoff,
                             .is_accepted = stream.is_accepted,
                             .was_told_end = stream.was_told_end,
                             .wants_turn = stream.wants_turn,
                             .is_silent = stream.is_silent,
                             .is_deposit_exact = stream.is_deposit_exact});
  }
  turns_.visit([&](const mux_stream_state& stream) { state.turns.push_back(stream.stream); });
  for (const mux_stream_state& stream : credit_due_)
    state.credit_due.push_back(stream.stream);
  state.link_send_available = static_cast<std::int32_t>(link_send_.available());
  state.link_receive = link_receive_.all();
  state.control.append(output_.control.bytes());
  state.data.append(output_.data.bytes());
  state.finishes_queued = finishes_queued_;
  state.commands_queued = commands_queued_;
  state.streams_at_take = streams_at_take_;
  state.pong_due = pong_due_;
  state.liveness = liveness_.carry();
  state.has_sent_go_away = has_sent_go_away_;
  state.has_received_go_away = has_received_go_away_;
  return state;
}

// --- going on

mux_core::mux_core(const mux_options& options, mux_core_state state, link_handler& handler,
                   mux_clock::time_point now)
    : mux_core(options, handler, now) {
  // This side's Hello has left, the peer's has come.
  output_.control.clear();
  take_peer(state.peer);
  highest_opened_ = state.highest_opened;
  link_send_ = send_window(state.link_send_available);
  link_receive_ = receive_window(state.link_receive);
  for (const mux_stream_values& values : state.streams)
    adopt_stream(values);
  for (const stream_id waiting : state.turns)
    turns_.add_again(*streams_.find(waiting));
  for (const stream_id due : state.credit_due)
    credit_due_.push_back(*streams_.find(due));
  output_.control = std::move(state.control);
  output_.data = std::move(state.data);
  finishes_queued_ = state.finishes_queued;
  commands_queued_ = state.commands_queued;
  streams_at_take_ = state.streams_at_take;
  pong_due_ = state.pong_due;
  liveness_.go_on(state.liveness, now);
  has_sent_go_away_ = state.has_sent_go_away;
  has_received_go_away_ = state.has_received_go_away;
}

void mux_core::adopt_stream(const mux_stream_values& values) {
  mux_stream_state& stream = streams_.insert(values.stream, nullptr, values.send_available, 0);
  stream.receive = receive_window(values.receive);
  stream.sent = values.sent;
  stream.received = values.received;
  if (values.is_accepted) streams_.accept(stream);
  if (values.local != direction_state::open) streams_.end_local(stream, values.local);
  if (values.remote != direction_state::open) streams_.end_remote(stream, values.remote);
  stream.handoff = values.handoff;
  stream.was_told_end = values.was_told_end;
  stream.wants_turn = values.wants_turn;
  stream.is_silent = values.is_silent;
  stream.is_deposit_exact = values.is_deposit_exact;
  if (values.has_user) unattached_.insert(values.stream.value);
}

bool mux_core::attach(stream_id stream, stream_handler& handler) {
  mux_stream_state* state = streams_.find(stream);
  if (state == nullptr || state->handler != nullptr || !unattached_.contains(stream.value))
    return false;
  unattached_.erase(stream.value);
  state->handler = &handler;
  return true;
}

void mux_core::release_unattached() {
  for (const std::int64_t stream : std::exchange(unattached_, {}))
    release(stream_id{stream});
}

}  // namespace presenter::protocol
