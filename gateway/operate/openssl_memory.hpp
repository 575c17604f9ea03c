// How much memory OpenSSL holds: its allocations go through here on their way to malloc. It counts
// what malloc gave, in counters that threads do not share; some 5 ns each, hundreds a handshake.
#pragma once

#include <cstdint>

namespace presenter::gateway {

// Before anything of OpenSSL is used. False: too late, and nothing is counted.
bool count_openssl_memory() noexcept;

// Any thread may ask. 0 if it is not counted.
std::int64_t openssl_memory_bytes() noexcept;

}  // namespace presenter::gateway
