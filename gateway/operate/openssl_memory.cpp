#include "gateway/operate/openssl_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "gateway/operate/passing_blocks.hpp"

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

// Three each for as many handshakes as a process may have descriptors, 20,000 on a usual system.
constexpr std::size_t passing_blocks_max = 65'536;

// A record buffer or a handshake message. What a client keeps is below it, 7,632 bytes at the most.
constexpr std::size_t passing_bytes_min = 12 * 1'024;

// Not destroyed: OpenSSL frees its last behind all destructors.
passing_blocks* passing = nullptr;

bool is_passing(const void* memory) {
  return passing != nullptr && passing->holds(memory);
}

std::int64_t size_of(void* memory) {
  return static_cast<std::int64_t>(is_passing(memory) ? passing_blocks::block_bytes
                                                      : ::malloc_usable_size(memory));
}

void* allocate(std::size_t size, const char*, int) {
  const bool passes = size >= passing_bytes_min && size <= passing_blocks::block_bytes;
  void* memory = passes ? passing->take() : nullptr;
  if (memory == nullptr) memory = std::malloc(size);
  add(size_of(memory));
  return memory;
}

void release(void* memory, const char*, int) {
  add(-size_of(memory));
  if (is_passing(memory)) return passing->put_back(memory);
  std::free(memory);
}

void* move_out_of_block(void* block, std::size_t size) {
  void* const moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  add(size_of(moved));
  std::memcpy(moved, block, passing_blocks::block_bytes);
  release(block, nullptr, 0);
  return moved;
}

void* reallocate(void* memory, std::size_t size, const char*, int) {
  if (memory == nullptr) return allocate(size, nullptr, 0);
  if (size == 0) {
    release(memory, nullptr, 0);
    return nullptr;
  }
  if (is_passing(memory)) {
    return size <= passing_blocks::block_bytes ? memory : move_out_of_block(memory, size);
  }
  const std::int64_t before = size_of(memory);
  void* const moved = std::realloc(memory, size);
  if (moved != nullptr) add(size_of(moved) - before);
  return moved;
}

}  // namespace

bool manage_openssl_memory() {
  if (passing == nullptr) passing = new passing_blocks(passing_blocks_max);
  return CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
}

std::size_t give_back_openssl_memory() noexcept {
  return passing == nullptr ? 0 : passing->give_back();
}

std::int64_t openssl_memory_bytes() noexcept {
  std::int64_t sum = 0;
  for (const auto& one : all)
    sum += one.value.load(std::memory_order_relaxed);
  return std::max<std::int64_t>(sum, 0);
}

}  // namespace presenter::gateway
