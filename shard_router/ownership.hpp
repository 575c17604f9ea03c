// A backend's side of the map: is this key mine, for a gateway that chose me by that epoch? This is
// the fence that keeps a key from being accepted by two backends while a map is spreading. Pure:
// maps and the clock are passed in. What exactly it guarantees: README.md §5.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

enum class owner_verdict : std::uint8_t {
  own,      // accept, under `epoch`
  not_own,  // refuse: the map of `epoch` gives the key to somebody else
  wait,     // not to be said yet
};

struct owner_answer {
  owner_verdict verdict = owner_verdict::wait;
  std::int64_t epoch = 0;  // of the map in force; 0: none yet
  // With `wait`: when to ask again. Nothing: a newer map is needed, whenever that comes.
  std::optional<std::chrono::steady_clock::time_point> again_at = std::nullopt;
};

// Life: the backend's. Confined to: one thread, its own.
// Bounds: maps that were in force within `settle`, maps_max at the most.
class ownership {
 public:
  using clock = std::chrono::steady_clock;

  // How long a key must have been ours before we accept it: the time that a map may take to
  // reach all others, so that its last owner knows as well. Reading is debounced by 100 ms, and
  // done again while the fleet keeps changing.
  static constexpr std::chrono::milliseconds settle_default{700};

  // Maps kept for `settle`. If more come in that time, a key counts as ours only since the oldest
  // map that is kept.
  static constexpr std::size_t maps_max = 16;

  // `name` and `instance` as they are registered. Another process that has taken the name has
  // another instance, and its keys are not ours. Empty: any instance is (map files have none).
  ownership(std::string name, std::string instance,
            std::chrono::milliseconds settle = settle_default);

  // This map is in force from now on, be it newer or, after ZooKeeper has lost its data, older.
  void set_map(shard_map_ptr map, clock::time_point now);

  // `map_epoch`: of the map by which the asking gateway chose us.
  owner_answer ask(std::string_view key, std::int64_t map_epoch, clock::time_point now);

  // By the map in force alone, for streams that have been accepted. Without a map: false.
  bool owns(std::string_view key) const;

  // Of the map in force; 0: none yet.
  std::int64_t epoch() const;

 private:
  struct reign {
    shard_map_ptr map;
    clock::time_point since;
  };

  bool owns_by(const shard_map& map, std::string_view key) const;
  clock::time_point own_since(std::string_view key) const;
  void forget_settled(clock::time_point now);

  const std::string name_;
  const std::string instance_;
  const std::chrono::milliseconds settle_;
  std::deque<reign> reigns_;  // oldest first; the last is in force
};

}  // namespace presenter::shard_router
