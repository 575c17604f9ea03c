// What to do about a stream that could not be opened: when to try again, by which map, and when to
// tell the client. Without I/O: the clock, the map's epoch and the dice are passed in. The client's
// first bytes stay where they are until a backend accepts, so that every attempt sends them anew.
// See: protocol/README.md §4.4, shard_router/README.md §5.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "gateway/vocabulary/close_reason.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

enum class open_step : std::uint8_t {
  open,             // now, by the map there is now
  wait_for_map,     // until there is a map as new as the backend's
  wait_for_change,  // until a link or the map changes, or the time has come
  wait_for_time,    // nothing else helps
  give_up,          // the client is told `reason`
};

// Where the stream that is opened comes from.
enum class open_from : std::uint8_t {
  client,   // its first bytes are the client's first packet
  backend,  // another backend had it: state and unread bytes go to the next one
};

// Life: one opening, from the first attempt to Accept or the end of the client.
// Bounds: opens_max attempts, and the deadline for all of them together.
class open_retry {
 public:
  using clock = std::chrono::steady_clock;
  using random = std::minstd_rand;

  // Opens that are sent for one client. With the pauses below 16 last longer than any sensible
  // opening_timeout; more in that time means that somebody answers without end.
  static constexpr int opens_max = 16;

  // Pauses double from the first to the longest; what a backend asks for (retry_after) counts if it
  // is longer, up to retry_after_max. Each is drawn from its half to its half more, so that those
  // who were refused together do not return together.
  static constexpr std::chrono::milliseconds pause_first{100};
  static constexpr std::chrono::milliseconds pause_longest{2'000};
  static constexpr std::chrono::milliseconds retry_after_max{5'000};

  explicit open_retry(clock::time_point deadline = clock::time_point::max(),
                      open_from from = open_from::client)
      : deadline_(deadline), from_(from) {}

  // An Open has left, by the map of this epoch.
  void on_opened(std::int64_t map_epoch);

  // The backend refused it. `map_epoch`: of the map there is now.
  open_step on_refused(const protocol::refuse_frame& refusal, std::int64_t map_epoch,
                       clock::time_point now, random& dice);

  // Its link broke before the answer. Perhaps the backend has accepted, and lives: a stream from
  // another backend goes to nobody else then, or two applications would go on with one state, and
  // take the unread bytes twice.
  open_step on_link_lost(clock::time_point now, random& dice);

  // There is no link to open it on: no_shard, backend_unreachable or backend_full.
  open_step on_no_link(close_reason why);

  // While it waits: may it be tried now? `changed`: a link or the map has, else the time has come.
  open_step on_woken(bool changed, std::int64_t map_epoch, clock::time_point now) const;

  // When to wake it at the latest, after a step that waits.
  clock::time_point wake_at() const { return wake_at_; }
  clock::time_point deadline() const { return deadline_; }

  // What stands in the way, and what the client is told if that does not change.
  close_reason reason() const { return reason_; }

 private:
  open_step wait(open_step how, clock::time_point until);
  open_step pause(open_step how, std::chrono::milliseconds at_least, clock::time_point now,
                  random& dice);

  clock::time_point deadline_;
  open_from from_;
  clock::time_point wake_at_{};
  std::chrono::milliseconds next_pause_ = pause_first;
  std::int64_t opened_by_ = 0;  // epoch of the last attempt's map
  std::int64_t epoch_wanted_ = 0;
  int opens_ = 0;
  close_reason reason_ = close_reason::open_timeout;
  open_step waiting_ = open_step::open;
};

}  // namespace presenter::gateway
