#include "protocol/backend_sdk/held_opens.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace presenter::protocol {

held_opens::held_opens(const link_executor& executor, const acceptor_options& options,
                       held_opens_owner& owner)
    : options_(options), owner_(owner), timer_(executor) {}

bool held_opens::has_room() const {
  return held_.size() < options_.held_max && bytes_ < options_.held_bytes_max;
}

refusal held_opens::busy() const {
  return {refuse_reason::busy, std::nullopt, options_.busy_retry};
}

void held_opens::hold(std::shared_ptr<stream_state> stream, const hold_stream& wait,
                      time_point now) {
  if (!has_room()) return owner_.on_held_refused(*stream, busy());
  const ticket at = ++last_ticket_;
  stream->wait_in(*this, at);
  // It may have waited for the application before: that was input nobody counted here.
  const std::size_t bytes = stream->available();
  bytes_ += bytes;
  const time_point deadline = now + options_.hold_timeout;
  const time_point ask_at = std::min(wait.again_at.value_or(deadline), deadline);
  held_.emplace(at, held{std::move(stream), deadline, ask_at, bytes});
  start_timer(ask_at);
}

// --- asking

void held_opens::ask_again(time_point now) {
  std::vector<ticket> all;
  all.reserve(held_.size());
  for (const auto& [at, entry] : held_)
    all.push_back(at);
  // An answer may make an application end others of them.
  for (const ticket at : all) {
    if (const auto found = held_.find(at); found != held_.end()) ask(found, now);
  }
  watch_time();
}

void held_opens::ask(position at, time_point now) {
  const fence_answer answer = options_.fence->ask(at->second.stream->info(), now);
  if (const auto* why = std::get_if<refusal>(&answer)) return refuse(at, *why);
  if (std::holds_alternative<serve_stream>(answer)) return owner_.on_held_served(take(at));
  held& entry = at->second;
  if (now >= entry.deadline) return refuse(at, busy());
  const auto again_at = std::get<hold_stream>(answer).again_at.value_or(entry.deadline);
  entry.ask_at = std::min(again_at, entry.deadline);
}

void held_opens::refuse(position at, const refusal& why) {
  const auto stream = take(at);
  owner_.on_held_refused(*stream, why);
}

std::shared_ptr<stream_state> held_opens::take(position at) {
  bytes_ -= at->second.bytes;
  auto stream = std::move(at->second.stream);
  held_.erase(at);
  return stream;
}

void held_opens::refuse_all(const refusal& why) {
  while (!held_.empty())
    refuse(held_.begin(), why);
  watch_time();
}

// --- what the streams do meanwhile

void held_opens::forget(ticket at) {
  take(held_.find(at));
  owner_.on_held_abandoned();
  watch_time();
}

void held_opens::on_input(ticket at, std::size_t n) {
  const auto found = held_.find(at);
  found->second.bytes += n;
  bytes_ += n;
  // Whoever brings it above the bound pays: others came first.
  if (bytes_ > options_.held_bytes_max) refuse(found, busy());
}

// --- time

void held_opens::watch_time() {
  if (held_.empty()) {
    timer_at_ = time_point::max();
    timer_.cancel();
    return;
  }
  const auto soonest =
      std::ranges::min_element(held_, {}, [](const auto& entry) { return entry.second.ask_at; });
  start_timer(soonest->second.ask_at);
}

// One timer, for the earliest of them; one that is early only looks again.
void held_opens::start_timer(time_point at) {
  if (at >= timer_at_) return;
  timer_at_ = at;
  timer_.expires_at(at);
  timer_.async_wait(life_.bind([this](boost::system::error_code cancelled) {
    if (!cancelled) on_time(std::chrono::steady_clock::now());
  }));
}

void held_opens::on_time(time_point now) {
  timer_at_ = time_point::max();
  std::vector<ticket> due;
  for (const auto& [at, entry] : held_) {
    if (entry.ask_at <= now) due.push_back(at);
  }
  for (const ticket at : due) {
    if (const auto found = held_.find(at); found != held_.end()) ask(found, now);
  }
  watch_time();
}

}  // namespace presenter::protocol
