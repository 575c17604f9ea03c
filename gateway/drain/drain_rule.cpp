#include "gateway/drain/drain_rule.hpp"

#include <algorithm>
#include <cmath>

namespace presenter::gateway {
namespace {

using seconds_f = std::chrono::duration<double>;

// How far a gap may be from the mean: clients that come back are not to come back in step.
constexpr double jitter = 0.5;

// How long before the deadline the last client is to be closed, at the most.
constexpr std::chrono::seconds margin_max{2};

// An estimate beyond it says nothing.
constexpr seconds_f eta_max = std::chrono::hours(24 * 30);

drain_rule::time_point after(drain_rule::time_point from, seconds_f gap) {
  return from + std::chrono::duration_cast<drain_rule::time_point::duration>(gap);
}

}  // namespace

void drain_rule::set_deadline(std::optional<std::chrono::milliseconds> within, time_point now) {
  deadline_.reset();
  next_close_.reset();
  if (within) deadline_ = now + *within;
  deadline_set_ = now;
}

void drain_rule::mark_record_removed(std::int64_t clients, time_point now) {
  if (removed_) return;
  removed_ = now;
  clients_then_ = clients;
}

void drain_rule::mark_record_kept(bool is_kept, time_point now) {
  if (!is_kept)
    kept_.reset();
  else if (!kept_)
    kept_ = now;
}

void drain_rule::mark_arrival(time_point at) {
  last_arrival_ = std::max(at, last_arrival_.value_or(at));
}

bool drain_rule::is_done(std::int64_t clients, time_point now) const {
  const auto quiet = quiet_until();
  return is_deadline_over(now) || (clients == 0 && quiet && now >= *quiet);
}

std::optional<drain_rule::time_point> drain_rule::quiet_until() const {
  const auto since = removed_ ? removed_ : kept_;
  if (!since) return std::nullopt;
  return std::max(*since, last_arrival_.value_or(*since)) + policy_.quiet;
}

// With little time left half of it has to be enough, wherever the record is.
drain_rule::time_point drain_rule::closes_from() const {
  const time_point half = deadline_set_ + (*deadline_ - deadline_set_) / 2;
  return removed_ ? std::min(*removed_ + policy_.settle, half) : half;
}

// The last one is to have its notice, its close_notify, and to have answered it.
drain_rule::time_point drain_rule::closes_until() const {
  return *deadline_ - notice() -
         std::min<time_point::duration>((*deadline_ - deadline_set_) / 10, margin_max);
}

std::chrono::milliseconds drain_rule::notice() const {
  const auto whole = deadline_ ? *deadline_ - deadline_set_ : time_point::duration{0};
  return std::min(policy_.notice, std::chrono::floor<std::chrono::milliseconds>(whole / 4));
}

seconds_f drain_rule::mean_gap(std::int64_t clients, time_point at) const {
  return seconds_f(closes_until() - at) / static_cast<double>(clients + 1);
}

std::int64_t drain_rule::take(std::int64_t clients, time_point now) {
  if (!deadline_ || clients <= 0 || now < closes_from()) return 0;
  if (now >= closes_until()) return clients;
  std::uniform_real_distribution<double> spread(1 - jitter, 1 + jitter);
  // Many may have come since the last gap was chosen.
  const time_point latest = after(now, mean_gap(clients, now) * (1 + jitter));
  if (!next_close_) next_close_ = after(now, mean_gap(clients, now) * spread(random_));
  next_close_ = std::min(*next_close_, latest);
  std::int64_t taken = 0;
  while (taken < clients && *next_close_ <= now) {
    ++taken;
    next_close_ = after(*next_close_, mean_gap(clients - taken, *next_close_) * spread(random_));
  }
  return taken;
}

// Clients leave as radioactive nuclei decay: each second the same part of those who are left. The
// end of it is when half a client is left.
std::optional<drain_rule::time_point> drain_rule::rule_eta(std::int64_t clients,
                                                           time_point now) const {
  const auto quiet = quiet_until();
  if (!quiet || clients == 0) return quiet;
  if (!removed_) return std::nullopt;
  const seconds_f elapsed = now - *removed_;
  if (clients >= clients_then_ || elapsed <= seconds_f::zero()) return std::nullopt;
  const auto left = static_cast<double>(clients);
  const seconds_f needed =
      elapsed * std::log(2 * left) / std::log(static_cast<double>(clients_then_) / left);
  if (needed > eta_max) return std::nullopt;
  return std::max(*quiet, after(now, needed));
}

}  // namespace presenter::gateway
