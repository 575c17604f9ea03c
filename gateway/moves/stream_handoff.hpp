// One stream on its way from a backend to the next, as seen from here: the old backend is asked for
// it, answers by Checkpoints, and from the last of them on this alone holds what goes on to the new
// owner. Or the old backend has crashed, and what it had deposited is what goes on. Without I/O:
// the session sends, waits and opens. See: gateway/moves/README.md.
//
//   asked ──► held ──► (opened anew by client_opening, which is given the unread bytes)
//     └─────────┴──► failed, with one result
//
//   lost ──► held ──► …    once the old backend is known to be gone, in the client's turn
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_buffer.hpp"
#include "gateway/moves/deposit_store.hpp"
#include "gateway/moves/handoff_room.hpp"
#include "gateway/vocabulary/handoff_result.hpp"
#include "gateway/vocabulary/move_cause.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

enum class handoff_step : std::uint8_t {
  await,  // the next Checkpoint
  held,   // the old backend has given the stream up
  fail,   // for result()
};

// Life: from the Handoff, or the crash, until the new owner's Accept, or the end of the client.
// Confined to: the worker's thread. Bounds: handoff_room's.
class stream_handoff {
 public:
  // `node`: the backend that has the stream. `room`, which has some, outlives this.
  stream_handoff(move_cause cause, std::string node, handoff_room& room);
  // The backend's link was lost. `left`, which outlives this, is exact, and counted where it lies.
  stream_handoff(std::string node, const deposit& left, bool is_backend_finished,
                 handoff_room& room, std::chrono::steady_clock::time_point lost_at);
  ~stream_handoff();
  stream_handoff(const stream_handoff&) = delete;
  stream_handoff& operator=(const stream_handoff&) = delete;

  bool is_crash() const { return left_ != nullptr; }
  // Of a crash: a link that came up since says that the backend lives.
  std::chrono::steady_clock::time_point lost_at() const { return lost_at_; }
  void hold_after_crash() { is_held_ = true; }

  protocol::handoff_reason reason() const;
  move_cause cause() const { return cause_; }

  // mux_core has checked its positions.
  handoff_step on_checkpoint(const protocol::checkpoint_frame& checkpoint);
  bool is_held() const { return is_held_; }

  // Why it failed, if it has failed here.
  handoff_result result() const { return result_; }
  // What its success is called.
  handoff_result success() const {
    return is_crash() ? handoff_result::crash_done : handoff_result::done;
  }

  // --- from `held` on

  // What the client had sent and the application not taken: the first bytes of the new stream.
  byte_buffer take_unread() { return std::move(unread_); }
  // It is opened there. From the Handoff to the last Checkpoint the old backend is awaited.
  void await_owner() { set_awaited(true); }
  // For the new owner; the state is a view into this.
  protocol::checkpoint_frame checkpoint() const;
  protocol::continued_from continued() const;

 private:
  void set_awaited(bool is_awaited);
  bool keep(byte_buffer& in, std::string_view bytes);

  const move_cause cause_;
  const std::string node_;
  handoff_room& room_;
  const deposit* const left_ = nullptr;
  const std::chrono::steady_clock::time_point lost_at_{};
  std::size_t taken_ = handoff_room::bytes_at_first;
  byte_buffer state_;
  byte_buffer unread_;
  std::int64_t consumed_ = 0;
  std::int64_t produced_ = 0;
  bool is_backend_finished_ = false;
  bool is_held_ = false;
  bool is_awaited_ = false;                           // a backend's answer, counted in room_
  handoff_result result_ = handoff_result::deadline;  // unless something comes
};

}  // namespace presenter::gateway
