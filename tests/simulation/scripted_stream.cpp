#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/simulation/simulated_end.hpp"

namespace presenter::testing {

namespace limits = protocol::limits;
using protocol::link_role;

namespace {

constexpr std::size_t content_bytes_max = 512 * 1'024;
constexpr std::size_t content_starts = 512 * 1'024;

std::vector<std::byte> make_content() {
  std::vector<std::byte> all(content_bytes_max + content_starts);
  dice chance(42);
  for (std::size_t i = 0; i + 8 <= all.size(); i += 8) {
    const std::uint64_t word = chance.next();
    std::memcpy(&all[i], &word, 8);
  }
  return all;
}

}  // namespace

std::span<const std::byte> content_of(protocol::stream_id stream, link_role sender,
                                      std::size_t size) {
  static const std::vector<std::byte> all = make_content();
  const auto start =
      static_cast<std::size_t>(stream.value * 7'919 + static_cast<int>(sender) * 104'729);
  return std::span(all).subspan(start % content_starts, size);
}

scripted_stream::scripted_stream(simulated_end& end, protocol::stream_id stream,
                                 const stream_script& what)
    : id(stream),
      script(what),
      client(stream),
      end_(end),
      send_credit_(end.peers.stream_window_bytes) {}

// --- told by the core

void scripted_stream::begin_event(const char* what) {
  EXPECT_FALSE(released) << id.value << " " << what << " after release";
  EXPECT_FALSE(silenced_) << id.value << " " << what << " after reset";
  EXPECT_FALSE(ended) << id.value << " " << what << " after the last call";
}

void scripted_stream::end_by_core() {
  ended = true;
  waiting_ = false;
  eligible_at_ = 0;
}

void scripted_stream::on_accepted() {
  begin_event("accepted");
  EXPECT_TRUE(end_.role == link_role::gateway);
  EXPECT_FALSE(std::exchange(accepted, true)) << "accepted twice";
}

void scripted_stream::on_refused(const protocol::refuse_frame&) {
  begin_event("refused");
  EXPECT_FALSE(accepted) << "refused after accepted";
  if (from_) {
    ++end_.seen.refused_again;
    end_.continue_later(*from_);  // state and unread bytes are still here
  }
  ++end_.seen.refused;
  end_by_core();
}

void scripted_stream::on_data(std::span<const std::byte> payload, bool) {
  begin_event("data");
  EXPECT_FALSE(peer_finished) << id.value << " data after finish";
  EXPECT_TRUE(accepted || end_.role == link_role::backend);
  const link_role sender =
      end_.role == link_role::gateway ? link_role::backend : link_role::gateway;
  const auto expected = content_of(client, sender, limits::data_bytes_max * 64).subspan(received);
  ASSERT_LE(payload.size(), expected.size());
  EXPECT_EQ(std::memcmp(payload.data(), expected.data(), payload.size()), 0)
      << id.value << " other bytes than were sent, at " << received;
  received += payload.size();
  is_deposit_exact_ = false;
  EXPECT_FALSE(awaits_checkpoint || giving_ || (is_asked && end_.role == link_role::backend))
      << id.value << " data at the wrong time";
  EXPECT_LE(received - consumed, static_cast<std::size_t>(end_.ours.stream_window_bytes))
      << id.value << " holds more than its window";
  if (script.reads == reading::at_once) consume(payload.size());
  if (leave_if_due()) return;
  // Who writes from inside a read must not get ahead of those who wait.
  if (end_.chance.one_in(2)) send(&end_.chance);
}

void scripted_stream::on_finish() {
  begin_event("finish");
  EXPECT_FALSE(std::exchange(peer_finished, true)) << "finished twice";
  if (!finished) ++end_.seen.half_closed;
  if (end_.chance.one_in(2)) send(&end_.chance);
}

void scripted_stream::on_writable() {
  begin_event("writable");
  if (std::exchange(wants_checkpoint_, false)) {
    ++end_.seen.checkpoints_waited;
    give_up();
    return;
  }
  EXPECT_TRUE(std::exchange(waiting_, false)) << id.value << " a turn that nobody asked for";
  EXPECT_GT(end_.core.sendable(id), 0U) << "a turn without room";
  ++end_.seen.turns;
  check_fair();
  has_turn_ = true;
  send(&end_.chance);
  has_turn_ = false;
}

void scripted_stream::on_reset(protocol::reset_reason reason, bool by_peer) {
  begin_event("reset");
  if (!by_peer) {
    const scripted_stream* peer = end_.peer->find(id);
    EXPECT_TRUE(peer != nullptr && peer->lied) << id.value << " broken rule: " << name_of(reason);
    EXPECT_EQ(reason, protocol::reset_reason::position_mismatch);
    ++end_.seen.lies;
    return end_by_core();
  }
  EXPECT_NE(static_cast<int>(reason), 0);
  ended_by_peer_reset = true;
  ++end_.seen.reset_by_peer;
  end_by_core();
}

void scripted_stream::on_link_lost(bool is_exact) {
  begin_event("link lost");
  EXPECT_EQ(is_exact, is_deposit_exact_ && !end_.expects_failure)
      << id.value << " whether its deposit is exact";
  if (is_exact) {
    EXPECT_EQ(end_.peer->find(id)->consumed, sent) << id.value << " exact, and bytes are unread";
  }
  ++(is_exact ? end_.seen.exact : end_.seen.inexact);
  EXPECT_TRUE(end_.core.is_over());
  ++end_.seen.link_lost;
  end_by_core();
}

// --- what the application does

bool scripted_stream::may_send() const {
  if (finished || ended || silenced_ || released || waiting_ || giving_) return false;
  if (awaits_checkpoint) return false;  // it does not know yet where to go on
  if (end_.role == link_role::gateway) return !is_asked;
  return accepted && (!script.answers_only || peer_finished);
}

// Sends until it has to wait; with dice it may stop earlier, and go on when it acts again.
bool scripted_stream::send(dice* chance) {
  if (!may_send()) return false;
  const auto content = content_of(client, end_.role, script.content_bytes);
  // Some ask for a turn first, room or not.
  if (sent < content.size() && end_.chance.one_in(16) && !std::exchange(has_turn_, false)) {
    wait();
    return true;
  }
  bool moved = false;
  while (sent < content.size()) {
    const std::size_t room = end_.core.sendable(id);
    const std::int64_t credit = std::max<std::int64_t>(0, std::min(send_credit_, end_.link_credit));
    EXPECT_LE(room, static_cast<std::size_t>(credit)) << id.value << " may send more than it may";
    const std::size_t piece =
        std::min(content.size() - sent, 1 + end_.chance.below(script.piece_bytes_max));
    const std::size_t n =
        end_.core.submit_data(id, content.subspan(sent, piece), end_.chance.one_in(2));
    EXPECT_EQ(n, std::min(piece, room)) << "takes what it says it takes";
    if (n == 0) {
      wait();
      return moved;
    }
    sent += n;
    is_deposit_exact_ = false;
    send_credit_ -= static_cast<std::int64_t>(n);
    end_.log_send(id, n);
    moved = true;
    if (leave_if_due() || (chance != nullptr && chance->one_in(8))) return true;
  }
  end_.core.finish(id);
  finished = true;
  return true;
}

void scripted_stream::wait() {
  coverage& seen = end_.seen;
  if (send_credit_ == 0) {
    ++seen.stream_dry;
  } else if (end_.link_credit == 0) {
    ++seen.link_dry;
  } else {
    ++seen.turns_missed;  // the link's queue, or others' turns
  }
  waiting_ = true;
  eligible_at_ = 0;
  end_.core.wait_writable(id);
  if (waiting_) mark_eligible();
}

void scripted_stream::mark_eligible() {
  if (!waiting_ || send_credit_ == 0 || end_.in_input || eligible_at_ != 0) return;
  eligible_at_ = end_.sends.size() + 1;
}

// Each other may have had the rest of a turn that was running and one whole turn ahead of us.
void scripted_stream::check_fair() {
  if (eligible_at_ == 0) return;
  const auto since = std::span(end_.sends).subspan(eligible_at_ - 1);
  eligible_at_ = 0;
  if (!since.empty()) ++end_.seen.turns_waited;
  // Few streams, short log: no map.
  for (const scripted_stream* other : end_.live()) {
    if (other == this) continue;
    std::size_t bytes = 0;
    for (const auto& record : since)
      if (record.stream == other->id) bytes += record.bytes;
    EXPECT_LE(bytes, 2 * limits::stream_turn_bytes)
        << "stream " << id.value << " waited while " << other->id.value << " sent";
  }
}

bool scripted_stream::consume(std::size_t most) {
  const std::size_t n = std::min(most, received - consumed);
  if (n == 0 || giving_) return false;
  consumed += n;
  end_.core.consumed(id, n);
  return true;
}

// Backend: the answer that is still owed.
bool scripted_stream::answer() {
  if (end_.role == link_role::gateway || accepted || ended || silenced_) return false;
  if (script.answers == answering::refuse_late) {
    end_.core.refuse({id, protocol::refuse_reason::busy, {}, {}});
    abandoned = released = true;  // a refused stream need not be released
    return true;
  }
  accepted = true;
  end_.core.accept(id);
  return true;
}

bool scripted_stream::leave_if_due() {
  if (ended || silenced_ || released || script.leaves == leaving::when_done) return false;
  const bool by_received = script.leaves == leaving::reset_after_received;
  if ((by_received ? received : sent) < script.leave_after || is_complete()) return false;
  abandon(script.leaves != leaving::release_after_sent);
  return true;
}

void scripted_stream::abandon(bool by_reset) {
  ++end_.seen.abandoned;
  abandoned = true;
  reset_behind_data = by_reset;
  waiting_ = false;
  if (by_reset) {
    silenced_ = true;
    end_.core.reset(id, protocol::reset_reason::internal);
    if (end_.chance.one_in(2)) return;  // lets go later
  }
  release();
}

bool scripted_stream::release_if_done(bool hasty) {
  if (released) return false;
  if (!ended && !silenced_ && !is_complete()) return false;
  if (!ended && !silenced_ && !hasty && received != consumed) return false;
  release();
  return true;
}

void scripted_stream::release() {
  if (is_complete() && !ended && !abandoned) ++end_.seen.completed;
  released = true;
  end_.core.release(id);
}

bool scripted_stream::act(dice& chance) {
  if (released) return false;
  if (end_.plan.hands_over && end_.moves.one_in(3) && (hand_off() || deposit() || answer_handoff()))
    return true;
  if (released) return true;
  switch (chance.below(5)) {
    case 0:
      return answer();
    case 1:
      return send(&chance);
    case 2:
      if (script.reads == reading::stalled) return false;
      return consume(1 + chance.below(2'000));
    case 3:
      return (accepted || sent != 0) && leave_if_due();
    default:
      return release_if_done(script.is_hasty);
  }
}

bool scripted_stream::act_fully(bool lifted) {
  if (released) return false;
  bool moved = answer();
  if (released) return moved;
  if (end_.plan.hands_over && end_.moves.one_in(2)) moved = hand_off() || moved;
  moved = answer_handoff() || moved;
  if (released) return moved;
  moved = send(nullptr) || moved;
  if (!released && (sent != 0 || received != 0)) moved = leave_if_due() || moved;
  const bool reads = lifted || script.reads != reading::stalled;
  if (!released && reads) moved = consume(received) || moved;
  return (reads && release_if_done(script.is_hasty)) || moved;
}

}  // namespace presenter::testing
