#include "gateway/upstream/open_retry.hpp"

#include <algorithm>

namespace presenter::gateway {

using std::chrono::milliseconds;

void open_retry::on_opened(std::int64_t map_epoch) {
  ++opens_;
  opened_by_ = map_epoch;
  // An answer that does not come is what the client will be told of.
  reason_ = close_reason::open_timeout;
  waiting_ = open_step::open;
}

open_step open_retry::on_refused(const protocol::refuse_frame& refusal, std::int64_t map_epoch,
                                 clock::time_point now, random& dice) {
  reason_ = close_reason_of(refusal.reason);
  const milliseconds asked{std::max(refusal.retry_after_ms.value_or(0), 0)};
  switch (refusal.reason) {
    case protocol::refuse_reason::not_owner:
      if (opens_ >= opens_max) return open_step::give_up;
      epoch_wanted_ = std::max(epoch_wanted_, refusal.map_epoch.value_or(0));
      if (epoch_wanted_ > map_epoch) return wait(open_step::wait_for_map, deadline_);
      // Ours has become newer while the Open was on its way.
      if (map_epoch > opened_by_) return open_step::open;
      // Equally old, and another opinion: one of the two is about to change.
      return pause(open_step::wait_for_time, pause_first, now, dice);
    case protocol::refuse_reason::busy:
      return pause(open_step::wait_for_time, std::min(asked, retry_after_max), now, dice);
    case protocol::refuse_reason::shutting_down:
      return pause(open_step::wait_for_change, pause_first, now, dice);
    default:
      return open_step::give_up;
  }
}

open_step open_retry::on_link_lost(clock::time_point now, random& dice) {
  reason_ = close_reason::link_lost;
  if (from_ == open_from::backend) return open_step::give_up;
  reason_ = close_reason::backend_unreachable;
  return pause(open_step::wait_for_change, pause_first, now, dice);
}

open_step open_retry::on_no_link(close_reason why) {
  reason_ = why;
  return wait(open_step::wait_for_change, deadline_);
}

open_step open_retry::on_woken(bool changed, std::int64_t map_epoch, clock::time_point now) const {
  if (now >= deadline_) return open_step::give_up;
  if (waiting_ == open_step::wait_for_map && map_epoch < epoch_wanted_) return waiting_;
  if (waiting_ == open_step::wait_for_time && changed && now < wake_at_) return waiting_;
  return open_step::open;
}

open_step open_retry::wait(open_step how, clock::time_point until) {
  waiting_ = how;
  wake_at_ = std::min(until, deadline_);
  return how;
}

open_step open_retry::pause(open_step how, milliseconds at_least, clock::time_point now,
                            random& dice) {
  if (opens_ >= opens_max) return open_step::give_up;
  const milliseconds whole = std::max(at_least, next_pause_);
  next_pause_ = std::min(2 * next_pause_, pause_longest);
  std::uniform_int_distribution<milliseconds::rep> around(whole.count() / 2, whole.count() * 3 / 2);
  const auto until = now + milliseconds(around(dice));
  // A change may still come in time; time alone brings nothing but a later answer.
  if (until >= deadline_ && how == open_step::wait_for_time) return open_step::give_up;
  return wait(how, until);
}

}  // namespace presenter::gateway
