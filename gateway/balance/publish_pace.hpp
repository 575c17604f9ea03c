// When to publish, and what: changes go out at a pace, small ones wait for larger ones, removals go
// at once, and a DNS service that fails is asked again later and later. What there should be is not
// queued: only the newest is kept. Pure: the time is passed in; who publishes is not known here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/backoff.hpp"
#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway {

struct pace_policy {
  // Between the beginnings of two publications, [dns] interval. A removal need not wait for it:
  // clients would be sent to a gateway that has gone.
  std::chrono::milliseconds interval = std::chrono::seconds(30);
  // A weight that differs by less than this part of the published one is left as it is.
  double deadband = 0.1;
  std::chrono::milliseconds backoff_least = std::chrono::seconds(1);
  std::chrono::milliseconds backoff_most = std::chrono::minutes(1);
  // What a service may ask for at most: a nonsensical Retry-After must not silence us for a day.
  std::chrono::milliseconds retry_after_most = std::chrono::minutes(5);
  // For a gateway that is alone, whose operator takes it out.
  bool may_be_empty = false;
};

// Confined to: one thread. Bounds: three states of our records.
class publish_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  publish_pace(const pace_policy& policy, std::uint32_t seed);

  // What there should be from now on, sorted as dns_state says. One without any record is not
  // published unless pace_policy allows it: whoever knows of no gateway at all does not know enough
  // to tell the world so.
  void want(dns_state desired);

  // When begin() is due, perhaps in the past; nothing: nothing has to be published now, or
  // something is being published.
  std::optional<time_point> next() const;

  // The state to hand to the publisher; end() follows. Only when next() says so.
  dns_state begin(time_point now);
  void end(const publish_result& result, time_point now);

  // Somebody else may have published since: all of it is to go out again, at once. A publication
  // that is under way does not count.
  void forget();

  // What was published last; nothing: not known.
  const std::optional<dns_state>& published() const { return published_; }

 private:
  enum class urgency { none, paced, at_once };
  urgency urgency_now() const;
  dns_state merged() const;

  const pace_policy policy_;
  backoff backoff_;
  std::optional<dns_state> wanted_;
  std::optional<dns_state> published_;
  std::optional<dns_state> under_way_;
  bool is_forgotten_ = false;                // forget() came while something was under way
  time_point earliest_ = time_point::min();  // by the interval
  time_point retry_at_ = time_point::min();  // after a failure, for everything
};

}  // namespace presenter::gateway
