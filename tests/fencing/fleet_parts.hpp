// What a simulated fleet is made of.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "gateway/upstream/open_retry.hpp"
#include "gateway/upstream/open_waiters.hpp"
#include "shard_router/ownership.hpp"
#include "tests/fencing/acceptance_book.hpp"
#include "tests/simulation/dice.hpp"

namespace presenter::testing {

inline constexpr milliseconds settle = shard_router::ownership::settle_default;
inline constexpr milliseconds hold_timeout{2'000};
inline constexpr milliseconds opening_timeout{10'000};

// How often schedules came to the places that matter.
struct fencing_coverage {
  std::uint64_t schedules = 0, events = 0, maps = 0, clients = 0, opens = 0, accepted = 0;
  std::uint64_t closed = 0, not_owner = 0, busy = 0, shutting_down = 0, links_lost = 0;
  std::uint64_t waits_for_map = 0, waits_for_change = 0, waits_for_time = 0;
  std::uint64_t held_older = 0, held_settling = 0, held_too_long = 0, lost_at_accept = 0;
  std::uint64_t moved_by_gateway = 0, moved_by_backend = 0;
  std::uint64_t crashes = 0, replaced = 0, cut_off = 0, overlaps = 0, excused = 0;
};

// What the seed draws first.
struct fleet_plan {
  explicit fleet_plan(dice& draw);

  bool is_calm;             // nobody is cut off from ZooKeeper, nobody crashes
  bool is_strict;           // who loses a key ends its streams at once
  milliseconds spread_max;  // of a map, to those that are not cut off; below `settle`
  milliseconds gap_max;     // between two changes
  std::size_t gateways;
  std::size_t servers;
  std::size_t changes;
  std::size_t clients;
};

struct sim_gateway {
  std::int64_t epoch() const { return map == nullptr ? 0 : map->epoch(); }

  gateway::worker_metrics metrics;
  gateway::open_waiters waiters{metrics};
  shard_router::shard_map_ptr map;
  bool is_cut_off = false;
};

class fleet;

class sim_client final : public gateway::upstream_waiter {
 public:
  enum class phase { opening, accepted, over };

  sim_client(fleet& in, sim_gateway& at_, std::string key_)
      : at(at_), key(std::move(key_)), fleet_(in) {}

  sim_gateway& at;
  const std::string key;
  gateway::open_retry retry;
  phase now = phase::opening;
  bool was_accepted = false;
  sim_time came_at{};
  std::uint64_t stream = 0;  // 0: none now
  std::string process;       // that has it
  std::uint64_t waits = 0;   // tells one wait from the next
  std::int64_t told = 0;     // the highest epoch of its refusals
  int opens = 0;

 private:
  void on_upstream_changed() override;

  fleet& fleet_;
};

struct sim_open {
  sim_client* client;
  std::string key;
  std::int64_t map_epoch;
  bool is_held = false;
  sim_time hold_until{};
  std::uint64_t asks = 0;  // tells one wait from the next
};

struct sim_backend {
  sim_backend(const shard_router::backend_entry& self)
      : name(self.name), process(process_of(self)), own(self.name, self.instance, settle) {}

  const std::string name;
  const std::string process;
  shard_router::ownership own;
  std::map<std::uint64_t, sim_open> opening;
  std::map<std::uint64_t, sim_open> serving;
  bool is_cut_off = false;
  bool is_leaving = false;
  bool is_dead = false;
};

}  // namespace presenter::testing
