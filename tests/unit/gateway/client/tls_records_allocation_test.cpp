// A record costs no allocation, neither by operator new nor by OpenSSL. And no key outlives its
// client in OpenSSL's memory. This program counts, and looks, for itself.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "tests/unit/gateway/client/tls_records_end.hpp"

namespace {

std::size_t allocations = 0;

// In front of each of OpenSSL's allocations; together a list of all that live.
struct alignas(std::max_align_t) block {
  block* previous = this;
  block* next = this;
  std::size_t size = 0;

  bool holds(std::span<const std::byte> sought) const {
    return !sought.empty() && ::memmem(this + 1, size, sought.data(), sought.size()) != nullptr;
  }
};

block live;
std::span<const std::byte> sought_in_freed;
std::size_t found_in_freed = 0;

void* allocate(std::size_t size, const char*, int) {
  ++allocations;
  auto* const made = static_cast<block*>(std::malloc(sizeof(block) + size));
  if (made == nullptr) return nullptr;
  made->size = size;
  made->previous = &live;
  made->next = live.next;
  live.next = made->next->previous = made;
  return made + 1;
}

void release(void* old, const char*, int) {
  if (old == nullptr) return;
  auto* const freed = static_cast<block*>(old) - 1;
  if (freed->holds(sought_in_freed)) ++found_in_freed;
  freed->previous->next = freed->next;
  freed->next->previous = freed->previous;
  std::free(freed);
}

void* reallocate(void* old, std::size_t size, const char* file, int line) {
  void* const made = allocate(size, file, line);
  if (made == nullptr || old == nullptr) return made;
  std::memcpy(made, old, std::min(size, (static_cast<block*>(old) - 1)->size));
  release(old, file, line);
  return made;
}

std::size_t count_living(std::span<const std::byte> sought) {
  std::size_t count = 0;
  for (const block* each = live.next; each != &live; each = each->next)
    if (each->holds(sought)) ++count;
  return count;
}

// Before main: OpenSSL takes it only before its first allocation.
[[maybe_unused]] const int installed = CRYPTO_set_mem_functions(allocate, reallocate, release);

}  // namespace

#define PRESENTER_NOINLINE __attribute__((noinline))

PRESENTER_NOINLINE void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
PRESENTER_NOINLINE void operator delete(void* memory) noexcept {
  std::free(memory);
}
PRESENTER_NOINLINE void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

struct two_ends {
  two_ends(tls_suite suite, int seed, tls_record_crypto& crypto)
      : a(tls_records::start({suite, made_secret(suite, seed), made_secret(suite, seed + 50)},
                             crypto)
              .value()),
        b(tls_records::start({suite, made_secret(suite, seed + 50), made_secret(suite, seed)},
                             crypto)
              .value()) {}

  // One record over; the number of bytes that came of it.
  std::size_t carry(std::span<const std::byte> text, std::span<std::byte> room,
                    tls_record_crypto& crypto) {
    const auto used = a.seal(text, room, crypto);
    const auto opened = b.open(room.first(*used), crypto);
    return opened->plaintext.size();
  }

  tls_records a;
  tls_records b;
};

struct TlsRecordsAllocation : ::testing::TestWithParam<tls_suite> {};

INSTANTIATE_TEST_SUITE_P(, TlsRecordsAllocation, ::testing::ValuesIn(all_suites),
                         [](const auto& info) { return presenter::testing::name_of(info.param); });

TEST_P(TlsRecordsAllocation, ARecordCostsNone) {
  ASSERT_EQ(installed, 1);
  tls_record_crypto crypto;
  two_ends one(GetParam(), 1, crypto);
  two_ends other(GetParam(), 2, crypto);
  const byte_string text(tls_limits::content_bytes_max, std::byte{'x'});
  byte_string room(tls_limits::record_bytes_max);
  std::size_t carried = one.carry(text, room, crypto);

  std::size_t before = allocations;
  for (int i = 0; i != 100; ++i)
    carried += one.carry(text, room, crypto);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(carried, 101 * text.size());

  if (GetParam() == tls_suite::aes_128_gcm_sha256) {  // the others' keys are derived: 2 digests
    other.carry(text, room, crypto);
    before = allocations;
    for (int i = 0; i != 100; ++i) {
      one.carry(text, room, crypto);
      other.carry(text, room, crypto);
    }
    EXPECT_EQ(allocations, before);
  }
}

TEST_P(TlsRecordsAllocation, NoKeyOutlivesItsClientInOpenssl) {
  const tls_suite suite = GetParam();
  const byte_string secret = made_secret(suite, 51);  // of a's records
  const byte_string secret_next = kdf_expand(suite, secret, "traffic upd", hash_bytes(suite));
  const byte_string key = kdf_expand(suite, secret, "key", key_bytes(suite));
  const byte_string key_next = kdf_expand(suite, secret_next, "key", key_bytes(suite));
  const byte_string text(100, std::byte{'x'});
  byte_string room(1'000);
  tls_record_crypto crypto;
  for (const byte_string& wanted : {secret, secret_next, key, key_next}) {
    const auto sought = std::span(wanted).first(8);
    sought_in_freed = sought;
    found_in_freed = 0;
    two_ends ends(suite, 1, crypto);
    ends.carry(text, room, crypto);
    EXPECT_EQ(count_living(sought), wanted == key ? 2U : 0U);  // sealing and opening
    ends.a.seal_key_update(false, room, crypto).value();
    ends.b.open(std::span(room).first(tls_records::key_update_bytes), crypto).value();
    EXPECT_EQ(count_living(sought), 0U);
    ends.carry(text, room, crypto);
    EXPECT_EQ(count_living(sought), wanted == key_next ? 2U : 0U);
    ends.a.close(crypto);
    ends.b.close(crypto);
    EXPECT_EQ(count_living(sought), 0U);
    sought_in_freed = {};
    EXPECT_EQ(found_in_freed, 0U);
  }
}

TEST(TlsRecordsMemory, TheSearchFindsWhatIsThere) {
  const byte_string wanted = made_secret(tls_suite::aes_128_gcm_sha256, 77);
  void* const memory = OPENSSL_malloc(100);
  std::memcpy(memory, wanted.data(), wanted.size());
  EXPECT_EQ(count_living(wanted), 1U);
  sought_in_freed = wanted;
  found_in_freed = 0;
  OPENSSL_free(memory);
  sought_in_freed = {};
  EXPECT_EQ(found_in_freed, 1U);
  EXPECT_EQ(count_living(wanted), 0U);
}

}  // namespace
}  // namespace presenter::gateway
