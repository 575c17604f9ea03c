// The counters of the process that no worker owns, by name, so that those of the process that takes
// its place go on and do not begin at 0 again.
#pragma once

#include "gateway/operate/counter_values.hpp"
#include "gateway/operate/metrics.hpp"

namespace presenter::gateway {

// Those that are not 0.
counter_values values_of(process_facts& facts);
// Adds them. Names that this version does not know are left out.
void add_values(process_facts& facts, const counter_values& values);

}  // namespace presenter::gateway
