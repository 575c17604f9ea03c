#include "gateway/drain/drainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/paced_log.hpp"

namespace presenter::gateway {
namespace {

using std::chrono::steady_clock;

// Networks on a page: those with the most clients.
constexpr std::size_t networks_shown = 100;

double seconds_between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::optional<double> seconds_until(std::optional<steady_clock::time_point> then,
                                    steady_clock::time_point now) {
  if (!then) return std::nullopt;
  return std::max(0.0, seconds_between(now, *then));
}

}  // namespace

drainer::drainer(boost::asio::io_context& control, const drain_config& settings, duration settle,
                 duration notice, record_keeper& record, arrival_watch& arrivals, drain_parts parts)
    : settings_(settings),
      settle_(settle),
      notice_(notice),
      record_(record),
      arrivals_(arrivals),
      parts_(std::move(parts)),
      timer_(control) {}

bool drainer::begin(std::optional<duration> deadline, std::string_view why) {
  if (state_ == drain_state::drained) return false;
  const time_point now = steady_clock::now();
  if (!rule_) {
    log_paced(orders_said_, spdlog::level::info, "draining: {}, {} clients are here", why,
              parts_.clients());
    begun_ = now;
    rule_.emplace(drain_policy{settings_.quiet, settle_, notice_}, now, std::random_device{}());
    rule_->set_deadline(deadline ? deadline : settings_.deadline, now);
    state_ = drain_state::withdrawing;
    parts_.run_hooks(hook_event::draining, [] {});
    record_.withdraw();
    wait();
  } else if (deadline) {
    log_paced(orders_said_, spdlog::level::info, "draining: {}, another deadline", why);
    rule_->set_deadline(deadline, now);
  }
  return true;
}

bool drainer::undo(std::string_view why) {
  if (state_ == drain_state::drained) return false;
  if (!rule_) return true;
  log_paced(orders_said_, spdlog::level::info, "draining is taken back: {}, {} clients are here",
            why, parts_.clients());
  timer_.cancel();
  parts_.keep_clients();
  arrivals_.stop();
  arrivals_before_ += rule_->is_record_removed() ? arrivals_.sum().first : 0;
  closed_before_ += std::exchange(closed_, 0);
  rule_.reset();
  state_ = drain_state::up;
  record_.restore();
  parts_.run_hooks(hook_event::ready, [] {});
  return true;
}

void drainer::stop() {
  timer_.cancel();
}

void drainer::wait() {
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error && rule_) step(steady_clock::now());
  });
}

void drainer::step(time_point now) {
  if (!rule_->is_record_removed()) look_at_record(now);
  if (const auto last = arrivals_.sum().second; rule_->quiet_until() && last)
    rule_->mark_arrival(*last);
  if (rule_->is_done(parts_.clients(), now)) return end(now);
  close_for_deadline(now);
  tell_progress();
  wait();
}

void drainer::look_at_record(time_point now) {
  if (!record_.is_withdrawn()) {
    const std::string obstacle = record_.obstacle();
    if (!obstacle.empty())
      log_paced(obstacle_said_, spdlog::level::warn,
                "draining: the record is still in DNS: {}; the gateway goes on trying", obstacle);
    look_at_last_record(now);
    return;
  }
  arrivals_.start();
  rule_->mark_record_removed(parts_.clients(), now);
  state_ = drain_state::draining;
  log_paced(orders_said_, spdlog::level::info, "draining: the record is gone from DNS");
}

// Nobody can be sent elsewhere, so whoever comes is a client and no error of a cache. But if nobody
// comes, nobody needs the gateway.
void drainer::look_at_last_record(time_point now) {
  const bool is_kept = record_.is_last();
  if (is_kept && !rule_->quiet_until()) arrivals_.start();
  rule_->mark_record_kept(is_kept, now);
}

void drainer::close_for_deadline(time_point now) {
  const std::int64_t count = rule_->take(parts_.clients_staying(), now);
  if (count == 0) return;
  closed_ += static_cast<std::uint64_t>(count);
  parts_.close_clients(count, rule_->notice());
}

void drainer::tell_progress() {
  const std::string status =
      fmt::format("draining: {} clients left, {} came since the record was removed",
                  parts_.clients(), rule_->is_record_removed() ? arrivals_.sum().first : 0);
  log_paced(progress_said_, spdlog::level::info, "{}", status);
  if (manager_told_.admit(steady_clock::now())) parts_.tell_service_manager(status);
}

void drainer::end(time_point now) {
  log_paced(orders_said_, spdlog::level::info, "drained after {:.1f} s{}",
            seconds_between(begun_, now),
            parts_.clients() == 0 ? "" : ": the deadline is over, whoever is left is closed");
  state_ = drain_state::drained;
  record_.mark_drained();
  parts_.run_hooks(hook_event::drained, [this] { parts_.on_drained(); });
}

drain_facts drainer::facts() const {
  const drain_report now = report();
  return {.state = state_,
          .seconds = now.draining_for.value_or(0),
          .arrivals = arrivals_before_ + now.arrivals.clients,
          .closed = closed_before_ + closed_,
          .rule_eta_seconds = now.rule_eta,
          .deadline_eta_seconds = now.deadline_eta};
}

drain_report drainer::report() const {
  const time_point now = steady_clock::now();
  drain_report all;
  all.state = state_;
  all.clients = parts_.clients();
  all.quiet = std::chrono::duration<double>(settings_.quiet).count();
  if (!rule_) return all;
  all.draining_for = seconds_between(begun_, now);
  if (!rule_->is_record_removed()) all.obstacle = record_.obstacle();
  all.closed = closed_;
  all.quiet_left = seconds_until(rule_->quiet_until(), now);
  all.rule_eta = seconds_until(rule_->rule_eta(all.clients, now), now);
  all.deadline_eta = seconds_until(rule_->deadline(), now);
  if (rule_->is_record_removed()) all.arrivals = arrivals_.list(networks_shown);
  return all;
}

}  // namespace presenter::gateway
