// Who may send next on a link: the streams that wait for a turn, first come, first served, and the
// one whose turn it is. A turn is so many bytes, so that no stream holds up the others. Pure
// bookkeeping; mux_core decides whether the link has room.
#pragma once

#include <cstddef>

#include "protocol/limits.hpp"
#include "protocol/mux/stream_table.hpp"

namespace presenter::protocol {

// Confined to: its mux_core. Bounds: one place for each stream, which leaves it when it dies.
class send_turns {
 public:
  bool is_anybody_waiting() const { return !waiting_.empty(); }

  // Takes a place at the end, if it has none and has credit of its own. True: it did.
  bool add(mux_stream_state& state) {
    if (state.turn_hook.is_linked() || state.send.available() == 0) return false;
    waiting_.push_back(state);
    return true;
  }

  // Its place in another queue, which it may have kept without credit.
  void add_again(mux_stream_state& state) { waiting_.push_back(state); }

  // A place among those who have a Checkpoint to send, which takes no credit: these come first.
  void add_checkpoint(mux_stream_state& state) {
    state.turn_hook.unlink();
    state.wants_checkpoint = true;
    checkpoints_.push_back(state);
  }
  bool is_any_checkpoint_waiting() const { return !checkpoints_.empty(); }
  // Its place among the others, if it wants one, is the last.
  mux_stream_state& take_checkpoint() {
    mux_stream_state& state = checkpoints_.front();
    checkpoints_.pop_front();
    state.wants_checkpoint = false;
    if (state.wants_turn) add(state);
    return state;
  }

  // Others wait for a turn already, and this is not the one whose turn it is: nobody overtakes.
  bool must_wait(const mux_stream_state& state) const {
    return &state != current_ && is_anybody_waiting();
  }

  // Shows those who wait for a turn, in their order.
  template <class Visit>
  void visit(Visit visit) const {
    for (const mux_stream_state& state : waiting_)
      visit(state);
  }

  // The next turn begins; nullptr: nobody is left who has credit.
  mux_stream_state* begin_next() {
    while (!waiting_.empty()) {
      mux_stream_state& state = waiting_.front();
      waiting_.pop_front();
      // It has spent its credit since it asked. The next Credit puts it into the queue again.
      if (state.send.available() == 0) continue;
      state.wants_turn = false;
      current_ = &state;
      bytes_left_ = limits::stream_turn_bytes;
      return current_;
    }
    return nullptr;
  }
  void end() { current_ = nullptr; }

  // What the stream may send at once. Beyond its turn it waits like all others.
  std::size_t share_of(const mux_stream_state& state) const {
    return &state == current_ ? bytes_left_ : limits::stream_turn_bytes;
  }
  void spend(const mux_stream_state& state, std::size_t n) {
    if (&state == current_ && (bytes_left_ -= n) == 0) current_ = nullptr;
  }

  // The stream sends no more Data. A Checkpoint may still be wanted.
  static void leave_data(mux_stream_state& state) {
    state.wants_turn = false;
    if (!state.wants_checkpoint) state.turn_hook.unlink();
  }

  // The stream sends no more: it gives its place up, and its turn if it dies.
  static void leave(mux_stream_state& state) {
    state.wants_turn = state.wants_checkpoint = false;
    state.turn_hook.unlink();
  }
  void forget(const mux_stream_state& state) {
    if (current_ == &state) current_ = nullptr;
  }

 private:
  turn_queue waiting_;
  turn_queue checkpoints_;
  mux_stream_state* current_ = nullptr;  // whose on_writable is running
  std::size_t bytes_left_ = 0;           // of its turn
};

}  // namespace presenter::protocol
