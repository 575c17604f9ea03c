#include "protocol/mux/link_liveness.hpp"

#include <algorithm>
#include <utility>

#include "protocol/limits.hpp"

namespace presenter::protocol {
namespace {

// Where the ping interval is shorter than a turn of the loop, every tick is late: that is no pause.
constexpr std::chrono::milliseconds pause_counted_min{50};

}  // namespace

errc link_liveness::look(const link_moment& link, time_point now) {
  forgive_own_pause(now);
  const auto silence = now - last_received_;
  if (!link.is_ready && now - started_ >= limits_.hello_timeout) return errc::hello_timeout;
  if (silence >= limits_.dead_after) return errc::link_timeout;
  if (failing_since_ && now - *failing_since_ >= limits::go_away_timeout) return errc::go_away;
  if (!link.is_ready) return errc{};
  // The time runs on even when no stream waits any more: streams that waited may have given up, and
  // a suspect link gets no new ones.
  const bool has_stall_limit = limits_.stall_timeout.count() != 0;
  if (has_stall_limit && !starving_since_ && link.lacks_credit) starving_since_ = now;
  const auto starved = now - starving_since_.value_or(now);
  if (has_stall_limit && starving_since_ && starved >= limits_.stall_timeout)
    return errc::link_stalled;
  is_ping_due_ = silence >= limits_.ping_interval && !ping_unanswered_;
  is_silent_ = silence >= 2 * limits_.ping_interval;
  is_starved_ = starving_since_ && starved >= 2 * limits_.ping_interval;
  return errc{};
}

std::optional<std::int64_t> link_liveness::take_ping() {
  if (std::exchange(is_ping_due_, false)) return ping_unanswered_ = next_ping_++;
  return std::nullopt;
}

// A process that was stopped, or a machine that was moved, wakes with all its deadlines behind it:
// what its peers have said since, it has not read yet, and they may have stood still as well.
void link_liveness::forgive_own_pause(time_point now) {
  const auto counted = std::max(limits_.ping_interval, pause_counted_min);
  const auto pause = now - std::exchange(last_looked_, now) - counted;
  if (pause <= pause.zero()) return;
  started_ += pause;
  last_received_ = std::min(now, last_received_ + pause);
  for (auto* since : {&failing_since_, &starving_since_}) {
    if (*since) *since = std::min(now, **since + pause);
  }
}

bool link_liveness::on_received(time_point now) {
  last_received_ = now;
  return std::exchange(is_silent_, false);
}

bool link_liveness::on_link_credit() {
  starving_since_.reset();
  return std::exchange(is_starved_, false);
}

bool link_liveness::on_pong(std::int64_t opaque) {
  if (ping_unanswered_ != opaque) return false;
  ping_unanswered_.reset();
  return true;
}

void link_liveness::on_failing() {
  if (!failing_since_) failing_since_ = last_received_;
}

}  // namespace presenter::protocol
