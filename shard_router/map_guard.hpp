// Keeps the fleet from vanishing by mistake: says whether a map that was read may be published, or
// lacks so many servers at once that it is more likely ZooKeeper that is ill.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// Pure: the clock is passed in. See: README.md, Failures.
class map_guard {
 public:
  using clock = std::chrono::steady_clock;

  enum class verdict {
    publish,
    hold,        // lacks more than half of the servers in force; the last map stays
    still_held,  // the same servers are missing as when the hold began
  };

  // `hold`: for how long the same servers must be missing until it is believed.
  explicit map_guard(std::chrono::milliseconds hold) : hold_(hold) {}

  // `in_force` nullptr: there is none yet, and any map is published.
  verdict offer(const shard_map* in_force, const shard_map_ptr& read, clock::time_point now);

  // While ZooKeeper is away nothing is confirmed: the time of a held map begins anew.
  void forget_hold() { missing_.clear(); }

  // When to read again, so that the held map can be published. Only while one is held.
  clock::time_point release_at() const { return release_at_; }

 private:
  std::chrono::milliseconds hold_;
  std::vector<std::string> missing_;  // what the held map lacks, in order; empty: none is held
  clock::time_point release_at_{};
};

}  // namespace presenter::shard_router
