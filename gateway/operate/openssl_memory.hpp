// OpenSSL's memory: its allocations go through here on their way to malloc. They are counted, as
// malloc gave them, in counters that threads do not share; some 5 ns each, hundreds a handshake.
// And what lives for a moment only is kept apart from what stays (passing_blocks).
#pragma once

#include <cstddef>
#include <cstdint>

namespace presenter::gateway {

// Before anything of OpenSSL is used. False: too late, and nothing changes. Throws std::bad_alloc.
bool manage_openssl_memory();

// Pages that are free and apart go back to the system; how many bytes. Any thread.
std::size_t give_back_openssl_memory() noexcept;

// Any thread may ask. 0 if it is not counted.
std::int64_t openssl_memory_bytes() noexcept;

}  // namespace presenter::gateway
