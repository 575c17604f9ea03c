// What a gateway says of its drain: GET /drain as JSON, which presenterctl shows as a table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/accept/arrival_watch.hpp"
#include "gateway/vocabulary/drain_state.hpp"

namespace presenter::gateway {

// Times are seconds from now on, or ago.
struct drain_report {
  std::string gateway;
  drain_state state = drain_state::up;
  std::int64_t clients = 0;
  double quiet = 0;                    // drain.quiet
  std::optional<double> draining_for;  // nothing: it is up
  std::string obstacle;                // why the record is still in DNS, if somebody knows
  std::uint64_t closed = 0;            // for the deadline
  std::optional<double> quiet_left;    // nothing: the record is still to go
  std::optional<double> rule_eta;      // nothing: nobody can tell
  std::optional<double> deadline_eta;  // nothing: there is none
  arrival_list arrivals;               // since the record was removed
};

std::string to_json(const drain_report& report, std::chrono::steady_clock::time_point now);

}  // namespace presenter::gateway
