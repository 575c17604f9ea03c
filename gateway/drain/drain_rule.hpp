// When a gateway that is being taken out may end, and at which pace it closes clients where it has
// a deadline. Pure: the clock and the numbers are passed in. See: gateway/drain/README.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace presenter::gateway {

struct drain_policy {
  // Done: no client is left, and none has come for so long since the record was removed.
  std::chrono::milliseconds quiet;
  // How long a removed record is in every cache that keeps to its TTL: clients that are closed
  // before would come back here.
  std::chrono::milliseconds settle{0};
  // How long before a client is closed its backend is told, if the deadline leaves time for it.
  std::chrono::milliseconds notice{0};
};

// Life: one drain. Confined to: one thread.
class drain_rule {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  drain_rule(const drain_policy& policy, time_point begun, std::uint32_t seed)
      : policy_(policy), begun_(begun), random_(seed) {}

  // From now on. Nothing: there is none.
  void set_deadline(std::optional<std::chrono::milliseconds> within, time_point now);
  // With so many clients; only the first call counts.
  void mark_record_removed(std::int64_t clients, time_point now);
  // It stays, for this is the last gateway; only the first call in a row counts.
  void mark_record_kept(bool is_kept, time_point now);
  // The last client to come.
  void mark_arrival(time_point at);

  bool is_record_removed() const { return removed_.has_value(); }
  // The deadline ends it in any case.
  bool is_done(std::int64_t clients, time_point now) const;
  bool is_deadline_over(time_point now) const { return deadline_ && now >= *deadline_; }

  // How many of these clients are to be closed now, or notice() from now on, so that the last one
  // goes before the deadline. The gaps between them are even, and jittered.
  std::int64_t take(std::int64_t clients, time_point now);
  // At most a quarter of the deadline.
  std::chrono::milliseconds notice() const;

  // When no client will have come for long enough, if none comes; nothing: the record is there, and
  // is to go.
  std::optional<time_point> quiet_until() const;
  // When it is done if clients go on leaving as they have left so far; nothing: nobody can tell.
  std::optional<time_point> rule_eta(std::int64_t clients, time_point now) const;
  std::optional<time_point> deadline() const { return deadline_; }

 private:
  time_point closes_from() const;
  time_point closes_until() const;
  std::chrono::duration<double> mean_gap(std::int64_t clients, time_point at) const;

  const drain_policy policy_;
  const time_point begun_;
  std::minstd_rand random_;
  std::optional<time_point> removed_;
  std::optional<time_point> kept_;
  std::int64_t clients_then_ = 0;  // at removed_
  std::optional<time_point> last_arrival_;
  std::optional<time_point> deadline_;
  time_point deadline_set_{};
  std::optional<time_point> next_close_;
};

}  // namespace presenter::gateway
