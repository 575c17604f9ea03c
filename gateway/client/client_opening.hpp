// From a client's first byte to a stream that its backend has accepted: collects the first packet,
// with early data before the handshake has ended, and decides what is next at each event until the
// stream is accepted or the client is to be told why not. Without I/O: bytes, events and the time
// come in, each answered by one step; the session carries it out.
// See: gateway/client/README.md, Phases; gateway/tls/tickets/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/loop/deadline_wheel.hpp"
#include "gateway/accept/address_limits.hpp"
#include "gateway/client/first_packet.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/upstream/open_retry.hpp"

namespace presenter::gateway {

// What is to be done for the client now. `read` and `open` lead to the next step, `relay` and
// `answer` are the last; after the others an event does.
enum class opening_step : std::uint8_t {
  read,             // what there is of the packet, into wanted()
  open,             // route key(), then open() or on_no_link(); early: open() or nothing
  await_handshake,  // its end: nothing else is next
  await_answer,     // the backend's to the Open, or room for the packet, until deadline()
  wait_for_map,     // for another map, until deadline()
  wait_for_change,  // for another map or a link of the backend, until deadline()
  wait_for_time,    // for deadline()
  relay,            // the stream is the client's: this has done its work
  answer,           // the client is told reason() and closed
};

// What the worker knows, for an event that depends on it.
struct opening_moment {
  steady_time now;
  std::int64_t map_epoch;  // of the map there is now
  open_retry::random& dice;
};

// Before the handshake has ended, a whole packet is offered to its backend once; what comes of that
// is known only when it has ended, and so is whether the client is told anything.
// Life: the client session's, until its stream is accepted. Confined to: the worker's thread.
// Bounds: first_packet's, and open_retry's attempts and deadline.
class client_opening {
 public:
  // `timeout`: from the end of the handshake and the whole packet, for all attempts together. The
  // claim is given back then.
  client_opening(const auth_config& auth, duration timeout, address_claim claim);

  // A stream that another backend had goes on: from the step `open` on, with `unread` in place of a
  // packet, and the same attempts and time.
  client_opening(const auth_config& auth, duration timeout, std::string key,
                 protocol::tls_facts facts, byte_buffer unread, steady_time now);
  bool is_continued() const { return is_continued_; }

  // --- the packet

  // Where its next bytes go, exactly as many as may be read now. Empty: it is whole, or faulty.
  std::span<std::byte> wanted();
  // The first `n` of them have come.
  opening_step on_packet_bytes(std::size_t n, steady_time now);
  // What there is of it.
  std::span<const std::byte> packet() const { return packet_.bytes(); }
  // From the step `open` on: the routing key that the whole packet holds.
  const std::string& key() const { return key_; }

  // --- the handshake

  // What is known of the client's TLS; before each event or step that follows from it.
  void set_tls_facts(protocol::tls_facts facts);
  opening_step on_handshake_ended(const opening_moment& moment);
  // The last Open left before the handshake had ended, and said so.
  bool is_opened_early() const { return is_opened_early_; }

  // --- the stream

  const protocol::tls_facts& tls_facts() const { return facts_; }
  // The step `open` has found a link, by the map of this epoch: the Open for it, without address
  // and tag of the client. Early, the link must take early data.
  protocol::open_frame open(std::int64_t map_epoch);
  // What the stream has not been given of the packet yet, and that it has taken more of it.
  std::span<const std::byte> unsent() const {
    return (is_continued_ ? unread_.bytes() : packet_.bytes()).subspan(sent_);
  }
  opening_step on_packet_sent(std::size_t n);
  // It has found none: no_shard, backend_unreachable or backend_full.
  opening_step on_no_link(close_reason why);
  // What the attempt before it met; nothing: it is the first.
  std::optional<open_obstacle> obstacle() const { return obstacle_; }

  opening_step on_accepted();
  // The step `relay` has been reached.
  bool may_relay() const { return relay_if_whole() == opening_step::relay; }
  opening_step on_refused(const protocol::refuse_frame& refusal, const opening_moment& moment);
  // Its link broke before either.
  opening_step on_lost(const opening_moment& moment);

  // What it waits for may have come.
  opening_step on_woken(const opening_moment& moment);
  // deadline() has passed.
  opening_step on_deadline(const opening_moment& moment);
  // Too many wait already.
  opening_step on_no_place();
  steady_time deadline() const;
  // When the packet was whole and the handshake had ended.
  steady_time begun_at() const { return retry_.deadline() - timeout_; }

  // --- the end

  close_reason reason() const { return fault_.value_or(retry_.reason()); }
  // The field of the packet that is to blame for this reason; empty: none.
  std::string fault_place(close_reason reason) const {
    return fault_ == reason ? packet_.fault_place() : std::string();
  }
  // The TApplicationException that tells the client so, framed; nothing where first_packet has
  // none.
  void append_answer(close_reason reason, byte_buffer& out) const;

 private:
  enum class state : std::uint8_t {
    reading,   // the packet
    held,      // the packet is there, or faulty, and nobody has been given it
    opened,    // the backend has been given it
    accepted,  // and has accepted; over when the handshake has ended and the packet is sent
    waiting,   // for another attempt
  };

  opening_step begin(steady_time now);
  opening_step retry(open_step step, open_obstacle obstacle);
  opening_step follow(open_step step);
  opening_step relay_if_whole() const;

  const duration timeout_;
  address_claim claim_;
  first_packet packet_;
  byte_buffer unread_;
  std::string key_;
  protocol::tls_facts facts_;
  open_retry retry_;
  std::optional<open_obstacle> obstacle_;
  std::size_t sent_ = 0;               // of the packet, to the stream that is being opened
  std::optional<close_reason> fault_;  // of the packet, or of the gateway
  state state_ = state::reading;
  bool is_early_ = true;  // the handshake has not ended
  bool is_opened_early_ = false;
  bool is_continued_ = false;
};

}  // namespace presenter::gateway
