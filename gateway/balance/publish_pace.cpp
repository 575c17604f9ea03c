#include "gateway/balance/publish_pace.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gateway/balance/dns_changes.hpp"

namespace presenter::gateway {
namespace {

bool is_within(double deadband, double published, double desired) {
  // Not a hair less: 0.9 differs from 1.0 by a tenth, whatever floating-point numbers say.
  return std::abs(desired - published) < deadband * published - 1e-9;
}

}  // namespace

publish_pace::publish_pace(const pace_policy& policy, std::uint32_t seed)
    : policy_(policy), backoff_(policy.backoff_least, policy.backoff_most, seed) {}

void publish_pace::want(dns_state desired) {
  if (policy_.may_be_empty || !desired.records.empty()) wanted_ = std::move(desired);
}

std::optional<publish_pace::time_point> publish_pace::next() const {
  if (under_way_ || !wanted_) return std::nullopt;
  switch (urgency_now()) {
    case urgency::none:
      return std::nullopt;
    case urgency::paced:
      return std::max(earliest_, retry_at_);
    case urgency::at_once:
      return retry_at_;
  }
  return std::nullopt;
}

dns_state publish_pace::begin(time_point now) {
  under_way_ = merged();
  is_forgotten_ = false;
  earliest_ = now + policy_.interval;
  return *under_way_;
}

void publish_pace::end(const publish_result& result, time_point now) {
  std::optional<dns_state> sent = std::exchange(under_way_, std::nullopt);
  if (result.is_ok()) {
    published_ = is_forgotten_ ? std::nullopt : std::move(sent);
    backoff_.reset();
    retry_at_ = time_point::min();
    return;
  }
  // Perhaps nothing of it is there, perhaps half.
  published_.reset();
  const auto asked =
      std::min(result.retry_after.value_or(std::chrono::milliseconds(0)), policy_.retry_after_most);
  retry_at_ = now + std::max(backoff_.next(), asked);
}

void publish_pace::forget() {
  published_.reset();
  is_forgotten_ = true;
}

publish_pace::urgency publish_pace::urgency_now() const {
  if (!published_ || published_->record_name != wanted_->record_name ||
      published_->ttl != wanted_->ttl) {
    return urgency::at_once;
  }
  const auto old = weights_by_record(*published_);
  std::size_t kept = 0;
  bool is_changed = false;
  for (const auto& [key, weight] : weights_by_record(*wanted_)) {
    const auto found = old.find(key);
    if (found != old.end()) ++kept;
    is_changed |= found == old.end() || !is_within(policy_.deadband, found->second, weight);
  }
  if (kept < old.size()) return urgency::at_once;
  return is_changed ? urgency::paced : urgency::none;
}

// What is wanted, but with the published weight where that is near enough: the service is asked for
// no change that makes none.
dns_state publish_pace::merged() const {
  dns_state state = *wanted_;
  if (!published_) return state;
  const auto old = weights_by_record(*published_);
  for (dns_record& each : state.records) {
    const auto found = old.find({each.name_of_gateway, each.address});
    if (found != old.end() && is_within(policy_.deadband, found->second, each.weight))
      each.weight = found->second;
  }
  return state;
}

}  // namespace presenter::gateway
