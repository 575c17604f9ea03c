// A record costs no allocation, neither by operator new nor by OpenSSL. And no key outlives its
// use: not in OpenSSL's memory, not in ours, not on the stack. This program counts, and looks, for
// itself.
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/support/allocation_count.hpp"
#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace {

using presenter::testing::allocations;

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

// What a digest has come to stands in its state by words, here little-endian.
byte_string as_words(byte_string bytes, std::size_t word) {
  for (std::size_t i = 0; i + word <= bytes.size(); i += word)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + word));
  return bytes;
}

TEST_P(TlsRecordsAllocation, ADerivedKeyDoesNotStayInTheDigest) {
  const tls_suite suite = GetParam();
  tls_key_schedule schedule;
  byte_string key(key_bytes(suite));
  ASSERT_TRUE(schedule.expand(suite, made_secret(suite, 1), "key", {}, key));
  const byte_string words = as_words(key, hash_bytes(suite) == 48 ? 8 : 4);
  EXPECT_EQ(count_living(std::span(words).first(8)), 0U);
}

bool holds(std::span<const std::byte> memory, std::span<const std::byte> sought) {
  return ::memmem(memory.data(), memory.size(), sought.data(), sought.size()) != nullptr;
}

TEST_P(TlsRecordsAllocation, NoKeyOutlivesItsClientInTheCipherContexts) {
  const tls_suite suite = GetParam();
  struct place {
    alignas(tls_record_crypto) std::byte storage[sizeof(tls_record_crypto)];
  };
  const auto memory = std::make_unique<place>();
  auto* const crypto = new (memory->storage) tls_record_crypto;
  const byte_string text(100, std::byte{'x'});
  byte_string room(1'000);
  const byte_string secret = made_secret(suite, 51);
  two_ends ends(suite, 1, *crypto);
  ends.carry(text, room, *crypto);
  EXPECT_TRUE(holds(memory->storage, secret));
  ends.a.close(*crypto);
  ends.b.close(*crypto);
  EXPECT_FALSE(holds(memory->storage, secret));
  two_ends others(suite, 1, *crypto);
  others.carry(text, room, *crypto);
  crypto->~tls_record_crypto();
  EXPECT_FALSE(holds(memory->storage, secret));
}

// A thread on a stack that can be looked at afterwards.
class visible_stack {
 public:
  template <class Function>
  void run(Function function) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, memory_.get(), bytes);
    pthread_t thread{};
    const auto enter = [](void* argument) -> void* {
      (*static_cast<Function*>(argument))();
      return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, enter, &function), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
  }

  std::span<const std::byte> left() const { return {memory_.get(), bytes}; }

 private:
  static constexpr std::size_t bytes = 1 << 21;  // sanitizers want nearly 1 MiB of it
  struct releaser {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, releaser> memory_{
      static_cast<std::byte*>(std::aligned_alloc(1 << 12, bytes))};
};

// Looked at after each step, for the next one would overwrite what it left. All steps have been
// made before: the dynamic linker, when it binds a function at its first call, saves all registers.
TEST_P(TlsRecordsAllocation, TemporariesLeaveNoKeyOnTheStack) {
  const tls_suite suite = GetParam();
  tls_key_schedule schedule;
  tls_record_crypto crypto;
  byte_string room(1'000);
  const auto steps_with = [&](byte_string secret, auto make) {
    tls_record_keys keys{};
    byte_string out(key_bytes(suite));
    make([&] { return schedule.expand(suite, secret, "key", {}, out); });
    make([&] { return crypto.derive(suite, secret, keys); });
    make([&] { return crypto.seal(suite, keys, 0, tls_content::alert, out, room); });
    make([&] { return crypto.advance(suite, keys); });
    make([&] { return crypto.seal(suite, keys, 0, tls_content::alert, out, room); });
  };
  steps_with(made_secret(suite, 101), [](auto step) { EXPECT_TRUE(step()); });

  const byte_string secret = made_secret(suite, 1);
  const byte_string secret_next = kdf_expand(suite, secret, "traffic upd", hash_bytes(suite));
  byte_string masked = secret;
  for (std::byte& byte : masked)
    byte ^= std::byte{0x5c};
  const byte_string all[] = {secret, secret_next, masked,
                             kdf_expand(suite, secret, "key", key_bytes(suite)),
                             kdf_expand(suite, secret_next, "key", key_bytes(suite))};
  visible_stack stack;
  steps_with(secret, [&](auto step) {
    bool ok = false;
    stack.run([&] { ok = step(); });
    EXPECT_TRUE(ok);
    for (const byte_string& wanted : all)
      EXPECT_FALSE(holds(stack.left(), std::span(wanted).first(8)));
  });
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
