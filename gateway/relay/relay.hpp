// Between one client and its stream, once the first packet is through: bytes in both directions,
// never looked at. Memory is bounded without a queue of its own: towards the backend it reads from
// the client only what the stream can send now; towards the client it holds at most the stream's
// window, whose credit goes back when the client's socket has taken the bytes. See:
// gateway/README.md, Flow control.
//
// The two directions end apart from each other:
//
//   to the backend   opening ──► accepted ──► open ──────────────────► finished
//                       backend's Accept   begin()   client's close_notify, passed on as Finish
//                    ▲                    │ hand_off()                │
//                    └── start() ── handing_over ◄────────────────────┘
//                                       or the link is lost, and a deposit is exact
//
//   to the client    open ──────────► finishing ──────────► finished
//                       backend's Finish       all bytes and close_notify are with the client
//
// The relay is over when both are finished, and from any state by a reset, a lost link, a client
// that fails, or a direction that is blocked for too long.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/relay/client_end.hpp"
#include "gateway/relay/relay_state.hpp"
#include "gateway/relay/relay_timer.hpp"
#include "protocol/mux/mux_core.hpp"

namespace presenter::gateway {

// Something that has been given bytes for its client.
class batched : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 protected:
  ~batched() = default;

 private:
  friend class relay_batch;
  virtual void on_batch_end() = 0;
};

// The relays that were given bytes for their clients during one gulp of a link. Each is flushed
// once, at the gulp's end, so that all its bytes become one TLS record and one send.
class relay_batch {
 public:
  void add(batched& relay) {
    if (!relay.is_linked()) touched_.push_back(relay);
  }
  void flush();

 private:
  boost::intrusive::list<batched, boost::intrusive::constant_time_size<false>> touched_;
};

// What all relays of a worker share.
struct relay_context {
  relay_context(const config& settings_, worker_metrics& metrics_);

  const config& settings;
  worker_metrics& metrics;
  std::vector<std::byte> scratch;  // one read's worth of decrypted bytes, between client and link
  relay_batch batch;
  relay_timer timer{metrics.relay_times};
};

// Life: a member of its client session. Confined to: the worker's thread.
// Bounds: for_client_ ≤ upstream.stream_window_bytes.
class relay final : public protocol::stream_handler, public batched {
 public:
  relay(relay_context& context, client_end& client);
  ~relay();
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  // The stream has been opened with this relay as its handler. `link` is held until the stream is
  // over.
  void start(std::shared_ptr<protocol::mux_core> link, protocol::stream_id stream);

  // Sends what it can of the first packet, ahead of all else, and says how much that was; when the
  // stream can take more, client_end::on_stream_writable is called.
  std::size_t send_packet(std::span<const std::byte> packet);

  // The stream is accepted and the whole packet is on its way: client bytes may flow, or the
  // client's end, if that had come before the stream was handed over.
  void begin();

  // Both ends of the link can.
  bool takes_handoffs() const { return link_ != nullptr && link_->takes_handoffs(); }
  // Asks the backend to give the stream up. Nothing is read from the client until begin().
  void hand_off(protocol::handoff_reason reason, std::int64_t map_epoch,
                std::chrono::milliseconds within);
  // After the last Checkpoint, or in the place of a lost stream that goes on: what the old backend
  // sent goes to the client; then on_rest_sent, perhaps in here.
  void send_rest() { move_to_client(); }

  // The backend, whichever of them it was, has sent its last byte.
  bool is_backend_finished() const { return to_client_ != to_client::open; }

  // A copy of all there is but the stream; this relay can go on all the same. Not while a stream is
  // being opened or handed over.
  relay_state freeze() const;
  // Goes on with what another relay has frozen, and with its stream on `link`; nullptr: it had none
  // any more. Moves no byte before the client's next event. False: the link has no such stream.
  bool adopt(relay_state state, std::shared_ptr<protocol::mux_core> link,
             protocol::stream_id stream);

  bool is_started() const { return link_ != nullptr; }
  const protocol::mux_core* link() const { return link_.get(); }
  protocol::stream_id stream() const { return stream_; }
  // Of the client's last stream, modulo 2^32; 0 before it and after one whose link was lost.
  protocol::stream_traffic traffic() const;

  void on_client_readable();
  void on_client_writable();

  // expect_progress ran out.
  void on_no_progress();

  // Ends the stream from this side without a call back. Bytes for the client are kept.
  void abandon(protocol::reset_reason reason);

  // Tells the backend that the client will be closed. False: it takes no notices.
  bool announce_end(protocol::notice_reason reason, std::chrono::milliseconds within);

  // What the backend sent and the client's socket has not taken.
  byte_buffer& unsent() { return for_client_; }

 private:
  // batched
  void on_batch_end() override { move_to_client(); }

  // stream_handler
  void on_accepted() override;
  void on_refused(const protocol::refuse_frame& refusal) override;
  void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override;
  void on_writable() override;
  void on_reset(protocol::reset_reason reason, bool by_peer) override;
  void on_link_lost(bool is_deposit_exact) override;
  void on_checkpoint(const protocol::checkpoint_frame& checkpoint) override;
  // Of backends only.
  void on_handoff(const protocol::handoff_frame&) override {}
  void on_notice(const protocol::notice_frame&) override {}

  enum class to_backend : std::uint8_t { opening, accepted, open, finished, handing_over };
  enum class to_client : std::uint8_t { open, finishing, finished };
  // Where bytes wait for somebody to take them.
  enum class blocked : std::uint8_t { nowhere = 0, at_client = 1, at_backend = 2, at_both = 3 };

  // Every change of a direction goes through these.
  void set_state(to_backend next);
  void set_state(to_client next);
  bool is_blocked(blocked at) const;
  void set_blocked(blocked at, bool is_blocked);

  void move_to_backend();
  void leave_backend();
  void move_to_client();
  void finish_to_client();
  void finish_to_backend();
  void settle_to_client(bool moved);
  void end_if_both_finished();
  // `moved`: bytes went on. Without any, a limit that is running goes on running.
  void watch_progress(bool moved);
  bool is_half_finished() const;
  void over(close_reason reason, protocol::reset_reason towards_backend);
  void fail_client(client_io status);
  void release_stream();
  void keep(protocol::stream_traffic of);

  relay_context& context_;
  client_end& client_;
  std::shared_ptr<protocol::mux_core> link_;
  protocol::stream_id stream_;
  byte_buffer for_client_;
  to_backend to_backend_ = to_backend::opening;
  to_client to_client_ = to_client::open;
  blocked blocked_ = blocked::nowhere;
  bool has_limit_ = false;                            // expect_progress is set
  bool is_client_finished_ = false;                   // its last byte has gone to a backend
  close_reason end_ = close_reason::client_finished;  // whichever side finished first
};

}  // namespace presenter::gateway
