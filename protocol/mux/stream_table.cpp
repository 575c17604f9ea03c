#include "protocol/mux/stream_table.hpp"

#include <algorithm>
#include <utility>

namespace presenter::protocol {

stream_table::~stream_table() {
  for (const auto& [id, state] : streams_)
    memory_.destroy(state);
}

mux_stream_state* stream_table::find(stream_id stream) {
  return const_cast<mux_stream_state*>(std::as_const(*this).find(stream));
}

const mux_stream_state* stream_table::find(stream_id stream) const {
  const auto found = streams_.find(stream.value);
  return found == streams_.end() ? nullptr : found->second;
}

mux_stream_state& stream_table::insert(stream_id stream, stream_handler* handler,
                                       std::int64_t send_bytes, std::int64_t receive_bytes) {
  auto* const state = memory_.make(stream, handler, send_bytes, receive_bytes);
  ++unaccepted_;
  streams_.emplace(stream.value, state);
  return *state;
}

void stream_table::erase(stream_id stream) {
  const auto found = streams_.find(stream.value);
  if (found == streams_.end()) return;
  const mux_stream_state& state = *found->second;
  if (state.is_over()) --over_;
  if (!state.is_accepted) --unaccepted_;
  if (!state.is_accepted && state.is_over()) --unaccepted_over_;
  memory_.destroy(found->second);
  streams_.erase(found);
}

void stream_table::end_local(mux_stream_state& state, direction_state terminal) {
  end(state, state.local, terminal);
}

void stream_table::end_remote(mux_stream_state& state, direction_state terminal) {
  end(state, state.remote, terminal);
}

void stream_table::end(mux_stream_state& state, direction_state& direction,
                       direction_state terminal) {
  const bool was_over = state.is_over();
  direction = terminal;
  if (was_over || !state.is_over()) return;
  ++over_;
  if (!state.is_accepted) ++unaccepted_over_;
}

void stream_table::accept(mux_stream_state& state) {
  if (std::exchange(state.is_accepted, true)) return;
  --unaccepted_;
  if (state.is_over()) --unaccepted_over_;
}

std::vector<stream_id> stream_table::ids(std::size_t most) const {
  std::vector<stream_id> some;
  some.reserve(std::min(most, streams_.size()));
  for (const auto& [id, state] : streams_) {
    if (some.size() == most) break;
    some.push_back(stream_id{id});
  }
  return some;
}

}  // namespace presenter::protocol
