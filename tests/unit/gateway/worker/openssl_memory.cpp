#include "tests/unit/gateway/worker/openssl_memory.hpp"

#include <openssl/crypto.h>

#include <cstdlib>

namespace presenter::testing {

std::atomic<bool> openssl_memory_fails{false};

namespace {

void* allocate(std::size_t size, const char*, int) {
  return openssl_memory_fails ? nullptr : std::malloc(size);
}

void* reallocate(void* old, std::size_t size, const char*, int) {
  return openssl_memory_fails ? nullptr : std::realloc(old, size);
}

void release(void* old, const char*, int) {
  std::free(old);
}

[[maybe_unused]] const int installed = CRYPTO_set_mem_functions(allocate, reallocate, release);

}  // namespace
}  // namespace presenter::testing
