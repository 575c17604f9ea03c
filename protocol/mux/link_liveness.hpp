// Whether the peer of a link still lives, and does its part: it says something, grants credit to
// those who wait, says Hello in time, and goes when it has said that it goes. Pure: the time is
// passed in, and what is found is answered. See: protocol/README.md §6.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "protocol/errc.hpp"

namespace presenter::protocol {

// How long what may last. None of them changes in a link's life.
struct liveness_limits {
  std::chrono::milliseconds ping_interval;  // of silence, after which the peer is pinged
  std::chrono::milliseconds dead_after;     // of silence, after which it is given up
  std::chrono::milliseconds hello_timeout;
  std::chrono::milliseconds stall_timeout;  // without credit for those who wait; 0: no limit
};

// Confined to: its mux_core. A link that is suspect gets no new streams: it was silent, or has
// granted nothing to those who wait, for two ping intervals.
class link_liveness {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  link_liveness(const liveness_limits& limits, time_point now)
      : limits_(limits), started_(now), last_received_(now), last_looked_(now) {}

  // What the link is like at the moment.
  struct link_moment {
    bool is_ready = false;      // the peer's Hello has come
    bool lacks_credit = false;  // bytes wait, and the link's window is at 0
  };
  // Call at least once per half ping interval: of a longer pause only one interval counts, for who
  // stands still hears nobody. Answers with what the link fails for; errc{}: nothing.
  errc look(const link_moment& link, time_point now);
  // After look, on a link that is ready: the Ping to be sent now, if one is.
  std::optional<std::int64_t> take_ping();

  // Something has come. True: until now the peer was suspect for its silence.
  bool on_received(time_point now);
  // Credit for the link. True: until now the peer was suspect for its lack.
  bool on_link_credit();
  // False: nobody has asked for this one.
  bool on_pong(std::int64_t opaque);
  // The peer's GoAway with an error: it has so long left.
  void on_failing();

  // What another one has to know to go on: what it has asked the peer, and that the peer has said
  // that it goes. All waits begin anew.
  struct carried {
    std::int64_t next_ping = 1;
    std::optional<std::int64_t> ping_unanswered;
    bool is_failing = false;
    bool operator==(const carried&) const = default;
  };
  carried carry() const { return {next_ping_, ping_unanswered_, failing_since_.has_value()}; }
  void go_on(const carried& from, time_point now) {
    next_ping_ = from.next_ping;
    ping_unanswered_ = from.ping_unanswered;
    if (from.is_failing) failing_since_ = now;
  }

  bool is_suspect() const { return is_silent_ || is_starved_; }
  time_point last_received() const { return last_received_; }

 private:
  void forgive_own_pause(time_point now);

  const liveness_limits limits_;
  time_point started_;
  time_point last_received_;
  time_point last_looked_;
  std::optional<time_point> failing_since_;
  // Since then bytes wait and no credit has come for the link, whose window is at 0.
  std::optional<time_point> starving_since_;
  std::optional<std::int64_t> ping_unanswered_;
  std::int64_t next_ping_ = 1;
  bool is_ping_due_ = false;
  bool is_silent_ = false;   // for two ping intervals
  bool is_starved_ = false;  // for two ping intervals
};

}  // namespace presenter::protocol
