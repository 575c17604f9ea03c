// How a client leaves its backend: handed over to another, going on at another after a crash, or
// stranded and closed in its turn. The decisions are stream_handoff's and stream_mover's. See:
// gateway/moves/README.md.
#include <fmt/format.h>

#include <utility>

#include "gateway/client/client_reasons.hpp"
#include "gateway/client/client_session.hpp"
#include "gateway/operate/log.hpp"
#include "shard_router/ownership.hpp"

namespace presenter::gateway {
namespace {

// How long a backend serves on at the most when its keys are another's. It may be set differently
// there, and does not say so.
constexpr duration settle = shard_router::ownership::settle_default;

}  // namespace

// --- moves

void client_session::strand(close_reason reason, move_cause cause) {
  reason_ = reason;
  opening_.reset();
  stop_waiting();
  clear_deadline();
  set_phase(client_phase::stranded);
  if (reason == close_reason::link_lost) relay_.unsent().release();  // not a clean end
  context_.mover.strand(*this, cause, std::chrono::steady_clock::now());
}

void client_session::on_move(move_cause) {
  if (phase_ == client_phase::stranded) return end_stranded();
  if (is_handed_over()) {
    // Its backend has crashed, and there is none that could go on.
    const bool has_owner = context_.upstream.has_owner(ring_hash());
    end_handoff(has_owner ? handoff_result::no_feature : handoff_result::no_owner);
    return close_with_alert(close_reason::link_lost);
  }
  if (context_.settings.moves.handoffs_per_second > 0)
    context_.metrics.handoffs[handoff_result::no_feature].add();
  relay_.abandon(protocol::reset_reason::moved);
  close_cleanly(close_reason::stream_moved);
}

void client_session::end_stranded() {
  if (reason_ == close_reason::link_lost) return close_with_alert(reason_);
  close_cleanly(reason_);
}

// --- handing over
//
// Nothing is read from the client from the Handoff until the new owner's Accept; what it sends
// waits in its socket. From the last Checkpoint on only this gateway has the state and the unread
// bytes, in stream_handoff and then in client_opening.

handoff_obstacle client_session::obstacle_to_handoff(std::string_view to_backend) const {
  if (context_.settings.moves.handoffs_per_second == 0) return handoff_obstacle::switched_off;
  if (opened_ == nullptr || !relay_.takes_handoffs()) return handoff_obstacle::backend_cannot;
  return context_.upstream.may_continue_at(to_backend) ? handoff_obstacle::none
                                                       : handoff_obstacle::owner_cannot;
}

bool client_session::can_hand_over() const {
  return phase_ == client_phase::relaying && opened_ != nullptr && relay_.takes_handoffs() &&
         context_.upstream.may_continue_at_owner(ring_hash());
}

move_way client_session::way_to_move() const {
  if (is_waiting_for_fate()) {
    if (!context_.upstream.may_continue_at_owner(ring_hash())) return move_way::close;
    return context_.room.may_await() ? move_way::hand_over : move_way::later;
  }
  if (!can_hand_over()) return move_way::close;
  // It is served where it is.
  if (!context_.upstream.is_owner_reachable(ring_hash())) return move_way::nowhere;
  return context_.room.has_room() ? move_way::hand_over : move_way::later;
}

void client_session::on_hand_over(move_cause cause) {
  if (is_handed_over()) return go_on_after_crash();
  opened_->handoff = std::make_unique<stream_handoff>(cause, backend()->name, context_.room);
  const duration within = context_.settings.moves.handoff_deadline;
  set_phase(client_phase::handing_over);
  expects_progress_ = false;
  set_deadline(within);
  relay_.hand_off(opened_->handoff->reason(), context_.upstream.map_epoch(),
                  std::chrono::duration_cast<std::chrono::milliseconds>(within));
}

void client_session::on_stream_checkpoint(const protocol::checkpoint_frame& checkpoint) {
  // Who accepts a stream that comes from another may deposit before this client has its turn.
  if (!is_handed_over() || phase_ == client_phase::opening) {
    if (opened_ != nullptr) context_.opened.keep_deposit(*opened_, checkpoint);
    return;
  }
  switch (opened_->handoff->on_checkpoint(checkpoint)) {
    case handoff_step::await:
      return;
    case handoff_step::fail:
      return fail_handoff(opened_->handoff->result());
    case handoff_step::held:
      set_deadline(context_.settings.upstream.stall_timeout);
      return relay_.send_rest();
  }
}

void client_session::on_rest_sent() {
  if (!is_waiting_for_fate()) context_.moves.add(*this);
}

// Its turn of those between two backends. Thousands of Checkpoints or Accepts may come in one gulp,
// and the next attempts of thousands that were refused may be due at one moment.
void client_session::step_between_backends() {
  if (phase_ == client_phase::opening) {
    if (opening_->may_relay()) return begin_relaying();
    stop_waiting();
    return carry_out(opening_->on_deadline(moment()));
  }
  if (is_waiting_for_fate()) return look_for_fate();
  if (opened_->handoff->is_held() && relay_.unsent().empty()) go_on_at_next();
}

void client_session::go_on_at_next() {
  const auto now = std::chrono::steady_clock::now();
  opened_->handoff->await_owner();
  opening_ = std::make_unique<client_opening>(
      context_.settings.auth, context_.settings.upstream.opening_timeout, opened_->key(),
      opened_->tls(), opened_->handoff->take_unread(), now);
  open_stream();
}

// --- a crash
//
// The link is lost, and the deposit says all that the application knew. The client is kept, and not
// read, until its backend is known to be gone: two applications must never live for one stream.
// Then the mover gives it its turn, as thousands may wait for the same moment.

bool client_session::on_stream_lost(bool is_deposit_exact) {
  const bool was_served = phase_ == client_phase::relaying || phase_ == client_phase::handing_over;
  if (!was_served || opened_ == nullptr || opened_->deposited() == nullptr) return false;
  if (!is_deposit_exact) {
    if (!is_handed_over()) context_.metrics.handoffs[handoff_result::crash_in_message].add();
    return false;
  }
  if (is_handed_over()) end_handoff(handoff_result::link_lost);
  opened_->handoff = std::make_unique<stream_handoff>(backend()->name, *opened_->deposited(),
                                                      relay_.is_backend_finished(), context_.room,
                                                      std::chrono::steady_clock::now());
  context_.mover.remove(*this);
  set_phase(client_phase::handing_over);
  expects_progress_ = false;
  look_for_fate();
  return true;
}

bool client_session::is_backend_gone() const {
  return context_.upstream.fate_of(*backend(), opened_->handoff->lost_at()) == backend_fate::gone;
}

// An entry may have left the map before the link broke, while its process lived and served on: one
// settle after the link's end it does not any more, by its own fence.
void client_session::look_for_fate() {
  const auto now = std::chrono::steady_clock::now();
  const auto lost_at = opened_->handoff->lost_at();
  const auto fate = context_.upstream.fate_of(*backend(), lost_at);
  if (fate == backend_fate::alive) return fail_handoff(handoff_result::crash_returned);
  const bool is_gone = fate == backend_fate::gone;
  const auto until = lost_at + (is_gone ? settle : context_.settings.moves.crash_wait);
  if (now < until) {
    context_.deadlines.set_deadline(*this, until);
    return context_.upstream.waiters().wait_for_fate(*this, backend()->name);
  }
  if (!is_gone) return fail_handoff(handoff_result::crash_unproven);
  stop_waiting();
  clear_deadline();
  context_.mover.strand(*this, move_cause::link_lost, now);
  if (tls_.has_input()) context_.mover.hurry(*this, now);
}

// Its turn. The backend may have come back to the map while it waited for that.
void client_session::go_on_after_crash() {
  if (!is_backend_gone()) return look_for_fate();
  opened_->handoff->hold_after_crash();
  set_deadline(context_.settings.upstream.stall_timeout);
  relay_.send_rest();
}

// Closed in its turn, as any that is moved: thousands may fail in one moment.
void client_session::fail_handoff(handoff_result result) {
  const move_cause cause = opened_->handoff->cause();
  const bool is_link_lost = opened_->handoff->is_crash() || result == handoff_result::link_lost;
  end_handoff(result);
  relay_.abandon(protocol::reset_reason::moved);
  strand(is_link_lost ? close_reason::link_lost : close_reason::stream_moved, cause);
}

void client_session::end_handoff(handoff_result result) {
  const bool is_done = result == opened_->handoff->success();
  context_.metrics.handoffs[result].add();
  if (is_done) context_.metrics.moves[opened_->handoff->cause()].add();
  write_paced(is_done ? log_level::debug : log_level::info,
              context_.handoffs_said[static_cast<std::size_t>(result)], [&] {
                const std::string from = opened_->handoff->continued().node;
                const std::string to = backend() == nullptr ? "-" : backend()->name;
                if (is_done)
                  return fmt::format("client {} handed over from {} to {}", tag(), from, to);
                return fmt::format("client {} not handed over from {}{}: {}", tag(), from,
                                   to == from ? "" : " to " + to, name_of(result));
              });
  opened_->handoff.reset();
}

}  // namespace presenter::gateway
