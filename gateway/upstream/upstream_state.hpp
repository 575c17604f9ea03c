// The links of a worker, for the worker of another process that goes on with them.
// See: gateway/upgrade/README.md.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "protocol/transport/mux_link_state.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

struct upstream_link_state {
  shard_router::backend_entry backend;
  bool is_retired = false;  // it only ends its streams
  std::optional<std::chrono::steady_clock::time_point> up_since;
  protocol::mux_link_state link;
};

// Clients name a link by its place in here.
using upstream_state = std::vector<upstream_link_state>;

}  // namespace presenter::gateway
