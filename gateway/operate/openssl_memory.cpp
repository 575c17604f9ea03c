#include "gateway/operate/openssl_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

namespace presenter::gateway {
namespace {

// What one thread allocated and another freed makes one of them negative; the sum is right.
struct alignas(64) thread_bytes {
  std::atomic<std::int64_t> value{0};
};
std::array<thread_bytes, 32> all;
std::atomic<std::size_t> threads{0};

void add(std::int64_t bytes) {
  thread_local const std::size_t mine =
      threads.fetch_add(1, std::memory_order_relaxed) % all.size();
  all[mine].value.fetch_add(bytes, std::memory_order_relaxed);
}

std::int64_t size_of(void* memory) {
  return static_cast<std::int64_t>(::malloc_usable_size(memory));
}

void* allocate(std::size_t size, const char*, int) {
  void* const memory = std::malloc(size);
  add(size_of(memory));
  return memory;
}

void* reallocate(void* memory, std::size_t size, const char*, int) {
  const std::int64_t before = size_of(memory);
  void* const moved = std::realloc(memory, size);
  if (moved != nullptr || size == 0) add(size_of(moved) - before);
  return moved;
}

void release(void* memory, const char*, int) {
  add(-size_of(memory));
  std::free(memory);
}

}  // namespace

bool count_openssl_memory() noexcept {
  return CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
}

std::int64_t openssl_memory_bytes() noexcept {
  std::int64_t sum = 0;
  for (const auto& one : all)
    sum += one.value.load(std::memory_order_relaxed);
  return std::max<std::int64_t>(sum, 0);
}

}  // namespace presenter::gateway
