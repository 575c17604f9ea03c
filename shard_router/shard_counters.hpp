// What happened between us and ZooKeeper, for metrics. Written on the control thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace presenter::shard_router {

// One for each zk_session; its watcher and its registration count here as well.
struct shard_counters {
  using counter = std::atomic<std::uint64_t>;

  // Session.
  std::atomic<bool> connected{false};  // a gauge
  counter sessions_opened{0};
  counter sessions_expired{0};
  counter disconnects{0};    // of a session that was connected
  counter open_failures{0};  // names that do not resolve, no memory
  counter moves{0};          // of a session that was away, to servers at other addresses
  counter lookups_found{0};  // of the servers' names
  counter lookups_failed{0};
  counter lookups_timed_out{0};

  // Watcher.
  counter map_reads{0};          // of the list of backends
  counter map_read_failures{0};  // given up half-way, also because of a disconnect
  counter maps_published{0};
  counter maps_held{0};          // by map_guard
  counter maps_too_large{0};     // errc::too_many_backends, errc::too_much_weight
  counter children_rejected{0};  // entries left out of a map
  counter saves_failed{0};       // of the copy on disk

  // Private nodes.
  counter secret_reads{0};
  counter secret_refusals{0};        // errc::secret_denied, errc::secret_exposed
  counter secret_write_failures{0};  // somebody else's write that came first is none

  // Registration.
  counter registrations{0};          // node created, or a leftover replaced
  counter leftovers_replaced{0};     // those of the above
  counter registrations_lost{0};     // our node was gone while the session lived
  counter registration_failures{0};  // refused by ZooKeeper; tried again
  counter names_taken{0};            // errc::node_taken
};

}  // namespace presenter::shard_router
