#include "gateway/upgrade/link_codec.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <variant>
#include <vector>

#include "gateway/upgrade/upgrade_codec.hpp"

namespace presenter::gateway {
namespace {

using protocol::direction_state;
using protocol::handoff_state;
using protocol::mux_stream_values;
using protocol::stream_id;

// As the peer had it, with all checks of a peer's.
std::string frame_of(const protocol::hello_frame& hello) {
  byte_buffer frame;
  protocol::encode(hello, frame);
  return bytes_of(frame);
}

protocol::hello_frame hello_of(const std::string& frame) {
  const auto slice = protocol::slice_frame(std::as_bytes(std::span(frame)));
  if (slice && slice->size != 0 && slice->size == frame.size()) {
    if (auto control = protocol::decode_control(slice->body)) {
      if (auto* hello = std::get_if<protocol::hello_frame>(&*control)) return std::move(*hello);
    }
  }
  throw std::runtime_error("a link's Hello makes no sense");
}

template <class Enum>
Enum enum_of(std::int8_t number, Enum last) {
  if (number < 0 || number > static_cast<std::int8_t>(last))
    throw std::runtime_error("a stream's state is not known");
  return static_cast<Enum>(number);
}

void fill_stream(const mux_stream_values& stream, upgrade_idl::Stream& made) {
  made.stream = stream.stream.value;
  made.has_user = stream.has_user;
  made.send_available = stream.send_available;
  made.window = stream.receive.size;
  made.held_by_peer = stream.receive.held_by_peer;
  made.owed = stream.receive.owed;
  made.sent = static_cast<std::int32_t>(stream.sent);
  made.received = static_cast<std::int32_t>(stream.received);
  made.local = static_cast<std::int8_t>(stream.local);
  made.remote = static_cast<std::int8_t>(stream.remote);
  made.handoff = static_cast<std::int8_t>(stream.handoff);
  made.is_accepted = stream.is_accepted;
  made.was_told_end = stream.was_told_end;
  made.wants_turn = stream.wants_turn;
  made.is_silent = stream.is_silent;
  made.is_deposit_exact = stream.is_deposit_exact;
}

mux_stream_values stream_of(const upgrade_idl::Stream& read) {
  return {.stream = stream_id{read.stream},
          .has_user = read.has_user,
          .send_available = read.send_available,
          .receive = {.size = read.window, .held_by_peer = read.held_by_peer, .owed = read.owed},
          .sent = static_cast<std::uint32_t>(read.sent),
          .received = static_cast<std::uint32_t>(read.received),
          .local = enum_of(read.local, direction_state::reset),
          .remote = enum_of(read.remote, direction_state::reset),
          .handoff = enum_of(read.handoff, handoff_state::giving),
          .is_accepted = read.is_accepted,
          .was_told_end = read.was_told_end,
          .wants_turn = read.wants_turn,
          .is_silent = read.is_silent,
          .is_deposit_exact = read.is_deposit_exact};
}

std::vector<std::int64_t> numbers_of(const std::vector<stream_id>& streams) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(streams.size());
  for (const stream_id stream : streams)
    numbers.push_back(stream.value);
  return numbers;
}

std::vector<stream_id> streams_of(const std::vector<std::int64_t>& numbers) {
  std::vector<stream_id> streams;
  streams.reserve(numbers.size());
  for (const std::int64_t number : numbers)
    streams.push_back(stream_id{number});
  return streams;
}

void fill_core(const protocol::mux_core_state& core, upgrade_idl::Link& made) {
  made.hello = frame_of(core.hello);
  made.peer_hello = frame_of(core.peer);
  made.highest_opened = core.highest_opened.value;
  made.streams.resize(core.streams.size());
  for (std::size_t i = 0; i < core.streams.size(); ++i)
    fill_stream(core.streams[i], made.streams[i]);
  made.turns = numbers_of(core.turns);
  made.credit_due = numbers_of(core.credit_due);
  made.send_available = core.link_send_available;
  made.window = core.link_receive.size;
  made.held_by_peer = core.link_receive.held_by_peer;
  made.owed = core.link_receive.owed;
  made.control = bytes_of(core.control);
  made.data = bytes_of(core.data);
  made.finishes_queued = static_cast<std::int64_t>(core.finishes_queued);
  made.commands_queued = static_cast<std::int64_t>(core.commands_queued);
  made.streams_at_take = static_cast<std::int64_t>(core.streams_at_take);
  if (core.pong_due) made.__set_pong_due(*core.pong_due);
  made.next_ping = core.liveness.next_ping;
  if (core.liveness.ping_unanswered) made.__set_ping_unanswered(*core.liveness.ping_unanswered);
  made.is_failing = core.liveness.is_failing;
  made.has_sent_go_away = core.has_sent_go_away;
  made.has_received_go_away = core.has_received_go_away;
}

protocol::mux_core_state core_of(const upgrade_idl::Link& read) {
  protocol::mux_core_state core;
  core.hello = hello_of(read.hello);
  core.peer = hello_of(read.peer_hello);
  core.highest_opened = stream_id{read.highest_opened};
  core.streams.reserve(read.streams.size());
  for (const upgrade_idl::Stream& each : read.streams)
    core.streams.push_back(stream_of(each));
  core.turns = streams_of(read.turns);
  core.credit_due = streams_of(read.credit_due);
  core.link_send_available = read.send_available;
  core.link_receive = {.size = read.window, .held_by_peer = read.held_by_peer, .owed = read.owed};
  append(core.control, read.control);
  append(core.data, read.data);
  core.finishes_queued = amount_of(read.finishes_queued);
  core.commands_queued = amount_of(read.commands_queued);
  core.streams_at_take = amount_of(read.streams_at_take);
  if (read.__isset.pong_due) core.pong_due = read.pong_due;
  core.liveness.next_ping = read.next_ping;
  if (read.__isset.ping_unanswered) core.liveness.ping_unanswered = read.ping_unanswered;
  core.liveness.is_failing = read.is_failing;
  core.has_sent_go_away = read.has_sent_go_away;
  core.has_received_go_away = read.has_received_go_away;
  return core;
}

}  // namespace

void fill(const shard_router::backend_entry& backend, upgrade_idl::Backend& made) {
  made.name = backend.name;
  made.host = backend.host;
  made.port = backend.port;
  made.weight = backend.weight;
  made.state = name_of(backend.state);
  made.instance = backend.instance;
}

shard_router::backend_entry backend_of(const upgrade_idl::Backend& read) {
  shard_router::backend_entry backend;
  if (read.port < 1 || read.port > 65'535) throw std::runtime_error("a backend has no port");
  backend.name = read.name;
  backend.host = read.host;
  backend.port = static_cast<std::uint16_t>(read.port);
  backend.weight = read.weight;
  // A state of the future gives it no new streams; the map says more soon.
  const auto up = shard_router::backend_state::up;
  backend.state = read.state == name_of(up) ? up : shard_router::backend_state::draining;
  backend.instance = read.instance;
  return backend;
}

void fill(const upstream_link_state& state, upgrade_idl::Link& made) {
  fill(state.backend, made.backend);
  made.is_retired = state.is_retired;
  if (state.up_since) made.__set_up_since(count_of(*state.up_since));
  made.descriptor = state.link.descriptor;
  fill_core(state.link.core, made);
  made.partial = bytes_of(state.link.partial);
  made.control_in_flight = bytes_of(state.link.control_in_flight);
  made.data_in_flight = bytes_of(state.link.data_in_flight);
}

upstream_link_state link_of(const upgrade_idl::Link& read) {
  upstream_link_state state;
  state.backend = backend_of(read.backend);
  state.is_retired = read.is_retired;
  if (read.__isset.up_since) state.up_since = steady_of(read.up_since);
  state.link.descriptor = read.descriptor;
  state.link.core = core_of(read);
  append(state.link.partial, read.partial);
  append(state.link.control_in_flight, read.control_in_flight);
  append(state.link.data_in_flight, read.data_in_flight);
  if (check(state.link)) throw std::runtime_error("a link's state is impossible");
  return state;
}

}  // namespace presenter::gateway
