// What a worker hands over to the worker of another process: everything that its clients and
// backends would miss. See: gateway/upgrade/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/client/client_state.hpp"
#include "gateway/operate/counter_values.hpp"
#include "gateway/upstream/upstream_state.hpp"

namespace presenter::gateway {

// Life: moved; wipes its clients' keys.
struct worker_state {
  int listener = -1;                 // its descriptor
  std::string tag_stem;              // what the tags of its clients begin with
  std::uint64_t sessions_begun = 0;  // numbers the tags
  client_tables tables;
  std::vector<client_state> clients;
  upstream_state upstream;
  counter_values counters;
  // Clients that cannot go along; they end with the process that has them.
  std::size_t left_behind = 0;
};

}  // namespace presenter::gateway
