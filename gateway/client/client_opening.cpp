#include "gateway/client/client_opening.hpp"

#include <utility>

namespace presenter::gateway {
namespace {

open_obstacle obstacle_of(protocol::refuse_reason reason) {
  switch (reason) {
    case protocol::refuse_reason::not_owner:
      return open_obstacle::not_owner;
    case protocol::refuse_reason::busy:
      return open_obstacle::busy;
    default:
      return open_obstacle::shutting_down;  // denied is not tried again
  }
}

}  // namespace

client_opening::client_opening(const auth_config& auth, duration timeout, address_claim claim)
    : timeout_(timeout), claim_(std::move(claim)), packet_(auth) {}

client_opening::client_opening(const auth_config& auth, duration timeout, std::string key,
                               protocol::tls_facts facts, byte_buffer unread, steady_time now)
    : timeout_(timeout),
      packet_(auth),
      unread_(std::move(unread)),
      key_(std::move(key)),
      facts_(std::move(facts)),
      retry_(now + timeout, open_from::backend),
      state_(state::held),
      is_early_(false),
      is_continued_(true) {}

// --- the packet

std::span<std::byte> client_opening::wanted() {
  if (state_ != state::reading) return {};
  return packet_.wanted();
}

opening_step client_opening::on_packet_bytes(std::size_t n, steady_time now) {
  fault_ = packet_.commit(n);
  if (!fault_ && !packet_.wanted().empty()) return opening_step::read;
  if (!fault_) fault_ = packet_.find_key(key_);
  state_ = state::held;
  // A fault is told to a client that is there; who replays a packet learns nothing.
  if (is_early_) return fault_ ? opening_step::await_handshake : opening_step::open;
  return begin(now);
}

// The handshake has ended and the packet is there.
opening_step client_opening::begin(steady_time now) {
  if (fault_) return opening_step::answer;
  claim_.release();
  retry_ = open_retry(now + timeout_);
  return opening_step::open;
}

void client_opening::append_answer(close_reason reason, byte_buffer& out) const {
  packet_.append_answer(reason, out);
}

// --- the handshake

void client_opening::set_tls_facts(protocol::tls_facts facts) {
  facts_ = std::move(facts);
}

opening_step client_opening::on_handshake_ended(const opening_moment& moment) {
  is_early_ = false;
  if (state_ == state::reading) return opening_step::read;
  const opening_step next = begin(moment.now);
  if (state_ != state::opened && state_ != state::accepted) return next;
  retry_.on_opened(moment.map_epoch);
  return relay_if_whole();
}

// --- the stream

protocol::open_frame client_opening::open(std::int64_t map_epoch) {
  state_ = state::opened;
  sent_ = 0;
  is_opened_early_ = is_early_;
  if (!is_early_) retry_.on_opened(map_epoch);
  protocol::open_frame frame;
  frame.key = key_;
  frame.map_epoch = map_epoch;
  frame.tls = facts_;
  frame.early_data = is_early_;
  return frame;
}

opening_step client_opening::on_no_link(close_reason why) {
  return retry(retry_.on_no_link(why), open_obstacle::no_link);
}

opening_step client_opening::on_accepted() {
  state_ = state::accepted;
  return relay_if_whole();
}

opening_step client_opening::on_packet_sent(std::size_t n) {
  sent_ += n;
  return relay_if_whole();
}

// The backend may accept before it has room for the whole packet.
opening_step client_opening::relay_if_whole() const {
  if (is_early_) return opening_step::await_handshake;
  const bool is_whole = state_ == state::accepted && unsent().empty();
  return is_whole ? opening_step::relay : opening_step::await_answer;
}

opening_step client_opening::on_refused(const protocol::refuse_frame& refusal,
                                        const opening_moment& moment) {
  state_ = state::held;
  if (is_early_) return opening_step::await_handshake;
  // Perhaps for being early, and that is known only now, after the handshake: once more as any.
  if (is_opened_early_) return opening_step::open;
  return retry(retry_.on_refused(refusal, moment.map_epoch, moment.now, moment.dice),
               obstacle_of(refusal.reason));
}

// A packet is still here: another link, or the next owner, will do.
opening_step client_opening::on_lost(const opening_moment& moment) {
  state_ = state::held;
  if (is_early_) return opening_step::await_handshake;
  return retry(retry_.on_link_lost(moment.now, moment.dice), open_obstacle::link_lost);
}

// --- the next attempt

opening_step client_opening::retry(open_step step, open_obstacle obstacle) {
  obstacle_ = obstacle;
  return follow(step);
}

opening_step client_opening::follow(open_step step) {
  state_ = state::waiting;
  switch (step) {
    case open_step::open:
      return opening_step::open;
    case open_step::wait_for_map:
      return opening_step::wait_for_map;
    case open_step::wait_for_change:
      return opening_step::wait_for_change;
    case open_step::wait_for_time:
      return opening_step::wait_for_time;
    case open_step::give_up:
      break;
  }
  return opening_step::answer;
}

opening_step client_opening::on_woken(const opening_moment& moment) {
  return follow(retry_.on_woken(true, moment.map_epoch, moment.now));
}

opening_step client_opening::on_deadline(const opening_moment& moment) {
  return follow(retry_.on_woken(false, moment.map_epoch, moment.now));
}

opening_step client_opening::on_no_place() {
  fault_ = close_reason::openings_exceeded;
  return opening_step::answer;
}

steady_time client_opening::deadline() const {
  return state_ == state::waiting ? retry_.wake_at() : retry_.deadline();
}

}  // namespace presenter::gateway
