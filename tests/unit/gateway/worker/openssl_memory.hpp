// OpenSSL's allocations, which a test can let fail. Linked in, it is in force from before main.
#pragma once

#include <atomic>

namespace presenter::testing {

extern std::atomic<bool> openssl_memory_fails;

}  // namespace presenter::testing
