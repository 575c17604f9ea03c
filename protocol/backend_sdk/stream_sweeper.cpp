#include "protocol/backend_sdk/stream_sweeper.hpp"

#include <algorithm>

namespace presenter::protocol {
namespace {

// Some 0.3 ms of looking keys up, a hundred times a second: a million streams in five seconds.
constexpr std::size_t looks_per_step = 2'048;
constexpr std::chrono::milliseconds step_interval{10};

// A tenth of a second's worth at once.
std::int64_t burst_of(std::int32_t per_second) {
  return std::max(per_second / 10, 1);
}

}  // namespace

stream_sweeper::stream_sweeper(const link_executor& executor, const acceptor_options& options)
    : options_(options),
      timer_(executor),
      pace_(std::max(options.moves_per_second, 1), burst_of(options.moves_per_second)) {}

void stream_sweeper::start(time_point now) {
  to_check_.splice(to_check_.end(), settled_);
  if (!is_waiting_) wait(now + options_.move_after);
}

void stream_sweeper::stop() {
  life_.renew();
  timer_.cancel();
}

void stream_sweeper::wait(time_point until) {
  is_waiting_ = true;
  timer_.expires_at(until);
  timer_.async_wait(life_.bind([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    is_waiting_ = false;
    step(std::chrono::steady_clock::now());
  }));
}

void stream_sweeper::step(time_point now) {
  for (std::size_t looks = 0; looks < looks_per_step && !to_check_.empty(); ++looks) {
    stream_state& next = to_check_.front();
    const bool goes_on = options_.fence->still_serves(next.info());
    if (!goes_on && options_.moves_per_second != 0 && !pace_.take(now)) break;
    to_check_.pop_front();
    if (goes_on) {
      settled_.push_back(next);
    } else {
      ++moved_;
      next.end_moved();
    }
  }
  if (!to_check_.empty()) wait(now + step_interval);
}

}  // namespace presenter::protocol
