// What the user of mux_core is told: about one stream (stream_handler) and about the link
// (link_handler). All calls come from inside a call into mux_core, on its thread; they may call
// back into mux_core for any stream, this one included.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>

#include "protocol/wire/mux_frame.hpp"

namespace presenter::protocol {

// Order for one stream: on_accepted? (on_data | on_writable | on_finish | on_checkpoint |
// on_handoff | on_notice)* then at most one of on_refused, on_reset, on_link_lost and the
// Checkpoint that is marked `last`, which is the last. The handler lives until it has called
// mux_core::release.
class stream_handler {
 public:
  // Gateway only: the backend serves the stream.
  virtual void on_accepted() = 0;

  // Gateway only: the backend does not serve the stream. Last call.
  virtual void on_refused(const refuse_frame& refusal) = 0;

  // The payload is valid during the call. The bytes count against the window until
  // mux_core::consumed. `more`: the sender has more of this message at hand.
  virtual void on_data(std::span<const std::byte> payload, bool more) = 0;

  // The peer will send no more; this direction is unaffected.
  virtual void on_finish() = 0;

  // The turn that mux_core::wait_writable asked for: mux_core::sendable is above 0 now. Or the one
  // that wait_checkpoint asked for: then submit_checkpoint has room now, and sendable may be 0.
  // Only until the handler returns is that promised.
  virtual void on_writable() = 0;

  // The stream is over both ways. `by_peer` is false when the peer broke a rule of this stream and
  // was reset for it. Last call.
  virtual void on_reset(reset_reason reason, bool by_peer) = 0;

  // Gateway: without `last` and without unread bytes it is a deposit, in place of the one before.
  // After hand_off: unread bytes without a state are a piece of what is unread, in order; with
  // `last`, which has the state and the last piece, the backend has given the stream up. Last call.
  // Backend: what the stream that an Open `continued` brings had carried before; comes before all
  // else. `finished`: this side's Finish has been sent already, and nothing more can be.
  // The views are valid during the call.
  virtual void on_checkpoint(const checkpoint_frame& checkpoint) = 0;

  // Backend only, at most once: another backend owns the stream's key. No more data or finish
  // comes. Answer by a Checkpoint that is marked `last`, or by mux_core::reset.
  virtual void on_handoff(const handoff_frame& handoff) = 0;

  // Backend only: the gateway is going to close the client. The newest one counts.
  virtual void on_notice(const notice_frame& notice) = 0;

  // The link is gone and the stream with it. Gateway: `is_deposit_exact` if the newest deposit
  // covers every byte of both directions, and it was not this core that gave the link up.
  // Last call.
  virtual void on_link_lost(bool is_deposit_exact) = 0;

 protected:
  ~stream_handler() = default;
};

class link_handler {
 public:
  // The peer's Hello has arrived and is acceptable: streams may be opened.
  virtual void on_ready(const hello_frame& peer) = 0;

  // Backend only: a new stream. Return its handler; or refuse it by mux_core::refuse and return
  // nullptr.
  virtual stream_handler* on_open(stream_id stream, const open_frame& open) = 0;

  // The peer wants no new streams. Streams above last_stream have been told on_refused already.
  virtual void on_go_away(const go_away_frame& go_away) = 0;

  // There is output where there was none: call mux_core::take_output soon, but not from inside, nor
  // anything else of the core: it may be in the middle of a change.
  virtual void on_output() = 0;

  // The peer broke a rule of one stream, which has been reset for it: to be counted.
  virtual void on_stream_error(reset_reason) {}

  // mux_core::can_open turned true again after it had been false.
  virtual void on_can_open() = 0;

  // The peer broke a rule of the link, or was silent for too long. Output that is left (a GoAway)
  // should be sent if it can be, then the socket closed. Every stream has been told on_link_lost
  // already.
  virtual void on_failed(boost::system::error_code reason) = 0;

 protected:
  ~link_handler() = default;
};

}  // namespace presenter::protocol
