// What malloc holds for this process, of all its arenas: whether memory that grows is in use, or
// freed and kept.
#pragma once

#include <string>

namespace presenter::gateway {

// Text, a line each: "used_bytes N", allocated and not freed; "free_bytes N", freed and not given
// back to the system. Walks malloc's lists of free memory under its locks, which holds up the
// allocations of all threads, after a crowd for milliseconds: for somebody who looks for a leak,
// not for every scrape.
std::string heap_page();

}  // namespace presenter::gateway
