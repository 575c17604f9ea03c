// What a simulated fleet is made of.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/moves/stream_handoff.hpp"
#include "gateway/upstream/open_retry.hpp"
#include "gateway/upstream/open_waiters.hpp"
#include "shard_router/ownership.hpp"
#include "tests/fencing/acceptance_book.hpp"
#include "tests/fencing/application_book.hpp"
#include "tests/simulation/dice.hpp"

namespace presenter::testing {

inline constexpr milliseconds settle = shard_router::ownership::settle_default;
inline constexpr milliseconds hold_timeout{2'000};
inline constexpr milliseconds opening_timeout{10'000};
inline constexpr milliseconds handoff_deadline{5'000};
inline constexpr milliseconds stranded_max{10'000};
inline constexpr std::int64_t packet_bytes = 10;

using task = std::function<void()>;

// How often schedules came to the places that matter.
struct fencing_coverage {
  std::uint64_t schedules = 0, events = 0, maps = 0, clients = 0, opens = 0, accepted = 0;
  std::uint64_t closed = 0, not_owner = 0, busy = 0, shutting_down = 0, links_lost = 0;
  std::uint64_t waits_for_map = 0, waits_for_change = 0, waits_for_time = 0;
  std::uint64_t held_older = 0, held_settling = 0, held_too_long = 0, lost_at_accept = 0;
  std::uint64_t moved_by_gateway = 0, moved_by_backend = 0;
  std::uint64_t crashes = 0, replaced = 0, cut_off = 0, overlaps = 0, excused = 0;
  // Streams that go from backend to backend.
  std::uint64_t asked = 0, given_up = 0, declined = 0, deadlines = 0, went_on = 0;
  std::uint64_t refused_again = 0, moved_meanwhile = 0, lost_meanwhile = 0;
  std::uint64_t stranded = 0, rescued = 0, same_instance = 0, waited_in_vain = 0;
  std::uint64_t resets = 0, stopped = 0, silences = 0, restarted = 0, dead_removed = 0;
};

// What the seed draws first.
struct fleet_plan {
  explicit fleet_plan(dice& draw);

  bool is_calm;             // nobody crashes, stops or is cut off
  bool is_strict;           // who loses a key ends its streams at once
  bool removes_dead;        // gateways remove the entry of a process that they know to be gone
  milliseconds spread_max;  // of a map, to those that are not cut off; below `settle`
  milliseconds gap_max;     // between two changes
  milliseconds dead_after;  // a link that is silent is given up; shorter than a session, or longer
  std::size_t gateways;
  std::size_t servers;
  std::size_t changes;
  std::size_t clients;
};

struct sim_gateway {
  std::int64_t epoch() const { return map == nullptr ? 0 : map->epoch(); }
  // This very process, not another one of its name.
  bool has_in_map(const std::string& process) const;

  gateway::worker_metrics metrics;
  gateway::open_waiters waiters{metrics};
  shard_router::shard_map_ptr map;
  bool is_cut_off = false;
  std::map<std::string, bool> down;  // processes without a link; true: it is being connected
  std::set<std::string> gone;        // processes that are known to have ended
};

class fleet;

class sim_client final : public gateway::upstream_waiter {
 public:
  enum class phase { opening, accepted, asked, held, stranded, over };

  sim_client(fleet& in, sim_gateway& at_, std::string key_)
      : at(at_), key(std::move(key_)), fleet_(in) {}

  bool goes_on() const { return from.has_value(); }

  sim_gateway& at;
  const std::string key;
  gateway::open_retry retry;
  phase now = phase::opening;
  bool was_accepted = false;
  sim_time came_at{};        // or began to move
  std::uint64_t stream = 0;  // 0: none now
  std::string process;       // that has it
  std::uint64_t waits = 0;   // tells one wait from the next
  std::int64_t told = 0;     // the highest epoch of its refusals
  int opens = 0;

  std::int64_t input = packet_bytes;    // bytes that the client has sent
  std::int64_t sent = 0;                // of them, to the backend that has the stream
  std::optional<std::int64_t> deposit;  // bytes that the newest one knows of
  std::optional<std::int64_t> from;     // the same, of the state that the next backend is given
  std::unique_ptr<gateway::stream_handoff> moved;
  sim_time lost_at{};

 private:
  void on_upstream_changed() override;

  fleet& fleet_;
};

struct sim_open {
  sim_client* client;
  std::string key;
  std::int64_t routed_by;            // epoch of the gateway's map
  std::int64_t map_epoch;            // what the Open says of it
  std::optional<std::int64_t> from;  // it goes on with a state that knows of so many bytes
  std::int64_t received = 0;         // the client's bytes, from its first one
  std::int64_t taken = 0;            // of them, by the application
  bool is_asked = false;             // to give the stream up
  bool is_held = false;
  sim_time hold_until{};
  std::uint64_t asks = 0;  // tells one wait from the next
};

struct sim_backend {
  sim_backend(const shard_router::backend_entry& self, bool hands_over_)
      : name(self.name),
        process(process_of(self)),
        hands_over(hands_over_),
        own(self.name, self.instance, settle) {}

  // While it stands still, nothing happens in it.
  void run(const task& what) {
    if (!is_stopped) return what();
    missed.push_back(what);
  }

  const std::string name;
  const std::string process;
  const bool hands_over;
  shard_router::ownership own;
  std::map<std::uint64_t, sim_open> opening;
  std::map<std::uint64_t, sim_open> serving;
  std::map<const sim_gateway*, std::uint64_t> broken_up_to;  // streams of links that have ended
  bool is_cut_off = false;
  bool is_leaving = false;
  bool is_dead = false;
  bool said_goodbye = false;  // it ended in order: what it had not accepted counts as refused
  bool is_stopped = false;
  std::vector<task> missed;  // while it stood still
};

}  // namespace presenter::testing
