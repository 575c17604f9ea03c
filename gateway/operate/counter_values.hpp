// The counters of a worker by name, so that those of the process that takes its place go on and do
// not begin at 0 again.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway/operate/metrics.hpp"

namespace presenter::gateway {

// Those that are not 0: "presenter_closes_total client_idle" and the value.
using counter_values = std::vector<std::pair<std::string, std::uint64_t>>;

counter_values values_of(worker_metrics& metrics);
// Adds them. Names that this version does not know are left out.
void add_values(worker_metrics& metrics, const counter_values& values);

}  // namespace presenter::gateway
