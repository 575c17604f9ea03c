#include "gateway/moves/stream_handoff.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace presenter::gateway {

stream_handoff::stream_handoff(move_cause cause, std::string node, handoff_room& room)
    : cause_(cause), node_(std::move(node)), room_(room) {
  room_.take_first();
  set_awaited(true);
}

stream_handoff::stream_handoff(std::string node, const deposit& left, bool is_backend_finished,
                               handoff_room& room, std::chrono::steady_clock::time_point lost_at)
    : cause_(move_cause::link_lost),
      node_(std::move(node)),
      room_(room),
      left_(&left),
      lost_at_(lost_at),
      taken_(0),
      consumed_(left.consumed),
      produced_(left.produced),
      is_backend_finished_(is_backend_finished) {}

stream_handoff::~stream_handoff() {
  set_awaited(false);
  room_.give_back(taken_);
}

void stream_handoff::set_awaited(bool is_awaited) {
  if (std::exchange(is_awaited_, is_awaited) == is_awaited) return;
  if (is_awaited) {
    room_.await();
  } else {
    room_.answered();
  }
}

// A backend that has left the map hands its streams over as one that drains: it is on its way out.
protocol::handoff_reason stream_handoff::reason() const {
  return cause_ == move_cause::rebalanced ? protocol::handoff_reason::rebalanced
                                          : protocol::handoff_reason::draining;
}

handoff_step stream_handoff::on_checkpoint(const protocol::checkpoint_frame& checkpoint) {
  // A deposit that was on its way when the backend was asked: the last Checkpoint replaces it.
  if (!checkpoint.last && checkpoint.unread.empty()) return handoff_step::await;
  if (!keep(state_, checkpoint.state) || !keep(unread_, checkpoint.unread)) {
    result_ = handoff_result::held_limit;
    return handoff_step::fail;
  }
  if (!checkpoint.last) return handoff_step::await;
  consumed_ = checkpoint.consumed;
  produced_ = checkpoint.produced;
  is_backend_finished_ = checkpoint.finished;
  is_held_ = true;
  set_awaited(false);
  // From here on only what is really held counts.
  const std::size_t held = state_.size() + unread_.size();
  if (taken_ > held) room_.give_back(taken_ - held);
  taken_ = std::min(taken_, held);
  return handoff_step::held;
}

bool stream_handoff::keep(byte_buffer& in, std::string_view bytes) {
  const std::size_t held = state_.size() + unread_.size() + bytes.size();
  if (held > taken_) {
    if (!room_.take(held - taken_)) return false;
    taken_ = held;
  }
  in.append(std::as_bytes(std::span(bytes)));
  return true;
}

protocol::checkpoint_frame stream_handoff::checkpoint() const {
  protocol::checkpoint_frame checkpoint;
  checkpoint.consumed = consumed_;
  checkpoint.produced = produced_;
  const auto state = state_.bytes();
  checkpoint.state =
      is_crash() ? left_->state()
                 : std::string_view(reinterpret_cast<const char*>(state.data()), state.size());
  checkpoint.finished = is_backend_finished_;
  return checkpoint;
}

protocol::continued_from stream_handoff::continued() const {
  if (is_crash()) return {protocol::continue_cause::crash, node_};
  return {cause_ == move_cause::rebalanced ? protocol::continue_cause::rebalanced
                                           : protocol::continue_cause::draining,
          node_};
}

}  // namespace presenter::gateway
