// What a scripted stream has to do with going from one backend to another. All bytes of a client
// are one content, whichever streams carry it, so that one lost or doubled on the way is seen.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/simulation/simulated_end.hpp"

namespace presenter::testing {

namespace limits = protocol::limits;
using protocol::checkpoint_frame;
using protocol::link_role;

namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void scripted_stream::go_on(const continuation& from) {
  client = from.client;
  before = from.before;
  if (end_.role == link_role::backend) {
    awaits_checkpoint = true;
    return;
  }
  from_ = from;
  // What was unread is sent once more, as everything behind it.
  sent = static_cast<std::size_t>(from.consumed);
  received = consumed = static_cast<std::size_t>(from.produced);
  peer_finished = from.finished;
}

// --- told by the core

void scripted_stream::on_checkpoint(const checkpoint_frame& checkpoint) {
  begin_event("checkpoint");
  if (end_.role == link_role::backend) {
    const scripted_stream& old = *end_.find(*before);
    EXPECT_TRUE(std::exchange(awaits_checkpoint, false)) << id.value << " a second Checkpoint";
    EXPECT_EQ(checkpoint.state, old.given) << id.value << " another state than was given";
    EXPECT_TRUE(checkpoint.unread.empty() && !checkpoint.last);
    received = consumed = static_cast<std::size_t>(checkpoint.consumed);
    sent = static_cast<std::size_t>(checkpoint.produced);
    EXPECT_EQ(consumed, old.consumed);
    EXPECT_EQ(sent, old.sent);
    EXPECT_EQ(checkpoint.finished, old.finished);
    finished = checkpoint.finished;
    return;
  }
  if (checkpoint.last) return on_given_up(checkpoint);
  if (checkpoint.unread.empty()) return on_deposit(checkpoint);
  check_unread(checkpoint.unread, static_cast<std::size_t>(checkpoint.consumed) + unread_);
  unread_ += checkpoint.unread.size();
}

void scripted_stream::on_deposit(const checkpoint_frame& checkpoint) {
  ++end_.seen.deposits;
  is_deposit_exact_ = static_cast<std::size_t>(checkpoint.consumed) == sent &&
                      static_cast<std::size_t>(checkpoint.produced) == received;
}

void scripted_stream::on_given_up(const checkpoint_frame& checkpoint) {
  const scripted_stream& peer = *end_.peer->find(id);
  EXPECT_TRUE(is_asked) << id.value << " given up, and nobody asked";
  EXPECT_FALSE(peer.lied) << id.value << " a wrong position was taken";
  EXPECT_EQ(checkpoint.state, peer.given) << id.value << " another state than was given";
  check_unread(checkpoint.unread, static_cast<std::size_t>(checkpoint.consumed) + unread_);
  unread_ += checkpoint.unread.size();
  EXPECT_EQ(static_cast<std::size_t>(checkpoint.consumed) + unread_, sent);
  EXPECT_EQ(static_cast<std::size_t>(checkpoint.produced), received);
  EXPECT_EQ(checkpoint.finished, peer_finished);
  handed = true;
  ++end_.seen.handed;
  end_by_core();
  end_.continue_later({id, client, script, checkpoint.consumed, checkpoint.produced,
                       std::string(checkpoint.state), checkpoint.finished,
                       from_ ? from_->times + 1 : 1});
}

void scripted_stream::check_unread(std::string_view bytes, std::size_t at) {
  ASSERT_LE(at + bytes.size(), sent);
  const auto content = content_of(client, link_role::gateway, script.content_bytes);
  EXPECT_EQ(bytes, text_of(content.subspan(at, bytes.size())))
      << id.value << " other unread bytes than were sent, at " << at;
}

void scripted_stream::on_handoff(const protocol::handoff_frame&) {
  begin_event("handoff");
  EXPECT_FALSE(std::exchange(is_asked, true)) << id.value << " asked twice";
  EXPECT_EQ(received, end_.peer->find(id)->sent) << id.value << " a handoff overtook data";
  const std::size_t n = end_.moves.below(10);
  handoff_answer_ = n == 0   ? answering_handoff::declines
                    : n == 1 ? answering_handoff::is_silent
                             : answering_handoff::gives;
  if (end_.moves.one_in(3)) answer_handoff();
}

// --- what the application does

bool scripted_stream::hand_off() {
  if (end_.role == link_role::backend || !accepted || ended || silenced_ || is_asked) return false;
  // A client does not go on and on.
  if (is_complete() || (from_ && from_->times >= 3)) return false;
  is_asked = true;
  waiting_ = false;
  eligible_at_ = 0;
  ++end_.seen.asked;
  end_.core.hand_off(id, protocol::handoff_reason::rebalanced, 7, std::chrono::milliseconds(50));
  return true;
}

bool scripted_stream::deposit() {
  if (end_.role == link_role::gateway || !accepted || ended || silenced_ || is_asked) return false;
  if (finished || awaits_checkpoint) return false;
  const std::string state(end_.moves.below(65), 'd');
  const auto position = static_cast<std::int64_t>(consumed);
  // No room: the next one will do.
  return end_.core.submit_checkpoint(
      {id, position, static_cast<std::int64_t>(sent), state, {}, false, false});
}

// Gateway: has waited long enough. Backend: does what it means to do.
bool scripted_stream::answer_handoff() {
  if (!is_asked || ended || silenced_ || is_complete()) return false;
  if (end_.role == link_role::gateway) {
    if (patience_-- > 0) return true;
    ++end_.seen.late_answers;
    abandon(true);
    return true;
  }
  if (handoff_answer_ == answering_handoff::is_silent) return false;
  if (handoff_answer_ == answering_handoff::declines && !giving_) {
    ++end_.seen.declined;
    abandon(true);
    return true;
  }
  return give_up();
}

// As far as the queue has room.
bool scripted_stream::give_up() {
  if (wants_checkpoint_) return false;
  if (!std::exchange(giving_, true)) {
    given = std::string(end_.moves.one_in(8) ? 16'384 : end_.moves.below(300), 's');
    lied = end_.moves.one_in(16);
    waiting_ = false;
    eligible_at_ = 0;
  }
  const std::string_view all = text_of(content_of(client, link_role::gateway, received));
  const auto produced = static_cast<std::int64_t>(sent);
  while (true) {
    const std::string_view rest = all.substr(consumed + unread_);
    const bool fits = rest.size() + given.size() <= limits::data_bytes_max;
    checkpoint_frame next{{id}, static_cast<std::int64_t>(consumed), produced, {}, {}, false,
                          false};
    if (fits && (rest.empty() || end_.moves.one_in(2))) {
      next.state = given;
      next.unread = rest;
      next.last = true;
      if (lied) ++next.consumed;
    } else {
      next.unread = rest.substr(0, 1 + end_.moves.below(limits::data_bytes_max));
    }
    if (!end_.core.submit_checkpoint(next)) {
      wants_checkpoint_ = true;
      end_.core.wait_checkpoint(id);
      return true;
    }
    if (next.last) break;
    unread_ += next.unread.size();
    ++end_.seen.pieces;
  }
  handed = true;
  end_by_core();
  return true;
}

}  // namespace presenter::testing
