// How a client leaves its backend: handed over to another, or stranded and closed in its turn. The
// decisions are stream_handoff's and stream_mover's. See: gateway/moves/README.md.
#include <fmt/format.h>

#include <utility>

#include "gateway/client/client_reasons.hpp"
#include "gateway/client/client_session.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {

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
  if (!can_hand_over()) return move_way::close;
  return context_.held.has_room() ? move_way::hand_over : move_way::later;
}

void client_session::on_hand_over(move_cause cause) {
  opened_->handoff = std::make_unique<stream_handoff>(cause, backend()->name, context_.held);
  const duration within = context_.settings.moves.handoff_deadline;
  set_phase(client_phase::handing_over);
  expects_progress_ = false;
  set_deadline(within);
  relay_.hand_off(opened_->handoff->reason(), context_.upstream.map_epoch(),
                  std::chrono::duration_cast<std::chrono::milliseconds>(within));
}

void client_session::on_stream_checkpoint(const protocol::checkpoint_frame& checkpoint) {
  if (!is_handed_over()) {
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
  const auto now = std::chrono::steady_clock::now();
  opening_ = std::make_unique<client_opening>(
      context_.settings.auth, context_.settings.upstream.opening_timeout, opened_->key(),
      opened_->tls(), opened_->handoff->take_unread(), now);
  open_stream();
}

// Closed in its turn, as any that is moved: thousands may fail in one moment.
void client_session::fail_handoff(handoff_result result) {
  const move_cause cause = opened_->handoff->cause();
  end_handoff(result);
  relay_.abandon(protocol::reset_reason::moved);
  strand(result == handoff_result::link_lost ? close_reason::link_lost : close_reason::stream_moved,
         cause);
}

void client_session::end_handoff(handoff_result result) {
  const bool is_done = result == handoff_result::done;
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
