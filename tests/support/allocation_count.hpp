// Counts what a program takes by operator new, which allocation_count.cpp replaces: for a program
// of its own, whose threads do not allocate while it counts.
#pragma once

#include <cstddef>

namespace presenter::testing {

// All so far. A test that has other allocators counts theirs here too.
extern std::size_t allocations;

}  // namespace presenter::testing
