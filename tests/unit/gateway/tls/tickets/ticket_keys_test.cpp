#include "gateway/tls/tickets/ticket_keys.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <new>
#include <set>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

constexpr ticket_time start{1'800'000'000'000ms};
constexpr ticket_policy policy;

ticket_key::name_view name_of_key(const ticket_key& key) {
  return ticket_key::name_view(key.name);
}

// What decode says to these bytes.
std::string decode_error(std::string_view bytes) {
  const auto keys = ticket_keys::decode(bytes);
  return keys ? "" : keys.error().category().name() + (":" + keys.error().message());
}

std::string text_of(ticket_errc code) {
  return std::string("presenter.tickets:") + make_error_code(code).message();
}

// --- the schedule

TEST(TicketKeys, TheFirstKeySealsAtOnceAndOpensForItsLifetime) {
  const auto keys = ticket_keys::first(start, policy);
  EXPECT_EQ(keys.sealing(start), &keys.newest());
  EXPECT_EQ(keys.sealing(start - 1ms), nullptr);
  EXPECT_EQ(keys.find(name_of_key(keys.newest()), start - 1h), &keys.newest());
  EXPECT_EQ(keys.find(name_of_key(keys.newest()), start + policy.lifetime - 1ms), &keys.newest());
  EXPECT_EQ(keys.find(name_of_key(keys.newest()), start + policy.lifetime), nullptr);
  EXPECT_EQ(keys.sealing(start + policy.lifetime), nullptr);
}

TEST(TicketKeys, ARotatedKeyOpensAtOnceAndSealsOnlyWhenItHasSettled) {
  const auto old = ticket_keys::first(start, policy);
  const auto now = start + 12h;
  EXPECT_FALSE(old.is_rotation_due(now - 1ms, policy.rotation));
  EXPECT_TRUE(old.is_rotation_due(now, policy.rotation));

  const auto keys = old.rotated(now, policy, policy.settle());
  EXPECT_EQ(keys.size(), 2U);
  EXPECT_FALSE(keys.is_rotation_due(now, policy.rotation));
  EXPECT_EQ(keys.sealing(now)->name, old.newest().name);
  EXPECT_NE(keys.find(name_of_key(keys.newest()), now), nullptr);
  EXPECT_EQ(keys.sealing(now + 1min - 1ms)->name, old.newest().name);
  EXPECT_EQ(keys.sealing(now + 1min), &keys.newest());
  EXPECT_NE(keys.find(name_of_key(old.newest()), now + 1min), nullptr);
}

// Whoever has the new set seals with what those who have only the old set can open, for as long as
// the settling time, less what their clocks differ.
TEST(TicketKeys, WithinTheSettlingTimeNobodySealsWithWhatOthersDoNotKnow) {
  const auto old = ticket_keys::first(start, policy);
  const auto now = start + 12h;
  const auto keys = old.rotated(now, policy, policy.settle());
  for (const auto skew : {-59s, -1s, 0s, 1s, 59s}) {
    const auto others_now = now + skew;
    EXPECT_NE(old.find(name_of_key(*keys.sealing(others_now)), others_now), nullptr)
        << skew.count();
  }
}

TEST(TicketKeys, AClockBehindMakesAKeyThatIsNewestAllTheSame) {
  const auto ahead = ticket_keys::first(start + 10min, policy);
  const auto keys = ahead.rotated(start, policy, 1min);
  EXPECT_GT(keys.newest().seals_from, ahead.newest().seals_from);
  EXPECT_TRUE(ticket_keys::decode(keys.encode()));
}

TEST(TicketKeys, ASetThatHasAgedOutIsReplacedByAKeyThatSealsAtOnce) {
  const auto old = ticket_keys::first(start, policy);
  const auto now = start + 8 * 24h;
  EXPECT_TRUE(old.is_rotation_due(now, policy.rotation));
  const auto keys = old.rotated(now, policy, policy.settle());
  EXPECT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys.sealing(now), &keys.newest());
}

TEST(TicketKeys, AWeekOfRotationsKeepsAWeekOfKeys) {
  auto keys = ticket_keys::first(start, policy);
  const auto first = keys.newest();
  for (auto now = start; now < start + 30 * 24h; now += 1min) {
    if (keys.is_rotation_due(now, policy.rotation)) keys = keys.rotated(now, policy, 1min);
    ASSERT_NE(keys.sealing(now), nullptr);
    ASSERT_LE(keys.size(), 16U);
    ASSERT_EQ(keys.find(name_of_key(first), now) != nullptr, now < start + policy.lifetime);
  }
  EXPECT_GE(keys.size(), 14U);
}

TEST(TicketKeys, NeverHoldsMoreThanFit) {
  auto keys = ticket_keys::first(start, policy);
  for (std::size_t i = 0; i < 2 * ticket_keys::keys_max; ++i)
    keys = keys.rotated(start + std::chrono::seconds(i), policy, 1s);
  EXPECT_EQ(keys.size(), ticket_keys::keys_max);
  EXPECT_LE(keys.encode().size(), ticket_keys::encoded_bytes_max);
  EXPECT_EQ(ticket_keys::decode(keys.encode()).value(), keys);
}

TEST(TicketKeys, AreAllDifferent) {
  auto keys = ticket_keys::first(start, policy);
  std::set<std::array<std::uint8_t, 16>> names;
  std::set<std::array<std::uint8_t, 32>> secrets;
  for (int i = 0; i < 20; ++i) {
    keys = keys.rotated(start, policy, 0ms);
    names.insert(keys.newest().name);
    secrets.insert(keys.newest().cipher_key);
    secrets.insert(keys.newest().mac_key);
  }
  EXPECT_EQ(names.size(), 20U);
  EXPECT_EQ(secrets.size(), 40U);
}

TEST(TicketPolicy, PromisesNoMoreThanASealingKeyOpens) {
  EXPECT_EQ(policy.settle(), 1min);
  EXPECT_EQ(policy.ticket_lifetime(), std::chrono::hours(156));
  const ticket_policy quick{4s, 60s};
  EXPECT_EQ(quick.settle(), 1s);
  EXPECT_EQ(quick.ticket_lifetime(), 56s);
  EXPECT_EQ((ticket_policy{1s, 2s}.ticket_lifetime()), 1s);
}

TEST(TicketKey, IsWipedWhenItDies) {
  alignas(ticket_key) std::array<std::byte, sizeof(ticket_key)> storage{};
  auto* const key = new (storage.data()) ticket_key;
  key->cipher_key.fill(0xc1);
  key->mac_key.fill(0xc2);
  std::destroy_at(key);
  EXPECT_EQ(std::ranges::count(storage, std::byte{0xc1}), 0);
  EXPECT_EQ(std::ranges::count(storage, std::byte{0xc2}), 0);
}

// --- bytes

TEST(TicketKeys, AreWrittenAsTheReadmeSays) {
  const std::string bytes = ticket_keys::first(start, policy).encode();
  ASSERT_EQ(bytes.size(), 8U + 96U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("PTKS\x01\x00\x00\x01", 8));
  EXPECT_EQ(bytes.substr(88), std::string("\x00\x00\x01\xa3\x18\x5c\x50\x00"
                                          "\x00\x00\x01\xa3\x3c\x68\xd4\x00",
                                          16));
}

TEST(TicketKeys, EveryCutAndEveryByteTooManyIsRefused) {
  const std::string bytes = ticket_keys::first(start, policy).rotated(start, policy, 1s).encode();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(decode_error(bytes.substr(0, size)),
              text_of(size < 8 ? ticket_errc::layout_unknown : ticket_errc::length_invalid));
  EXPECT_EQ(decode_error(bytes + '\0'), text_of(ticket_errc::length_invalid));
}

TEST(TicketKeys, EachMistakeHasItsName) {
  const std::string good = ticket_keys::first(start, policy).rotated(start, policy, 1s).encode();
  const auto changed = [&](std::size_t at, std::string_view by) {
    std::string bytes = good;
    bytes.replace(at, by.size(), by);
    return decode_error(bytes);
  };
  const std::string key = good.substr(8, 96);
  constexpr std::size_t seals_at = 8 + 80;
  constexpr std::size_t opens_at = 8 + 88;
  EXPECT_EQ(decode_error(good), "");
  EXPECT_EQ(decode_error("{\"keys\":[]}"), text_of(ticket_errc::layout_unknown));
  EXPECT_EQ(changed(4, "\x02"), text_of(ticket_errc::layout_unknown));
  EXPECT_EQ(changed(5, "\x01"), text_of(ticket_errc::layout_unknown));
  EXPECT_EQ(changed(6, std::string_view("\0\0", 2)), text_of(ticket_errc::count_invalid));
  EXPECT_EQ(changed(6, std::string_view("\0\x41", 2)), text_of(ticket_errc::count_invalid));
  EXPECT_EQ(changed(6, std::string_view("\0\x03", 2)), text_of(ticket_errc::length_invalid));
  EXPECT_EQ(changed(8 + 96, key), text_of(ticket_errc::order_invalid));
  EXPECT_EQ(changed(8 + 96, key.substr(0, 16)), text_of(ticket_errc::order_invalid));
  EXPECT_EQ(changed(8, good.substr(8 + 96) + key), text_of(ticket_errc::order_invalid));
  EXPECT_EQ(changed(seals_at, "\xff"), text_of(ticket_errc::times_invalid));
  EXPECT_EQ(changed(opens_at, "\x7f"), text_of(ticket_errc::times_invalid));
  EXPECT_EQ(changed(opens_at, good.substr(seals_at, 8)), text_of(ticket_errc::times_invalid));
  std::string longer = good.substr(opens_at, 8);
  ++longer.back();
  EXPECT_EQ(changed(opens_at, longer), text_of(ticket_errc::times_invalid)) << "7 days and 1 ms";
}

TEST(TicketKeys, EveryErrorHasItsOwnNameAndWords) {
  std::set<std::string_view> names;
  std::set<std::string> words;
  for (int code = 1; code <= static_cast<int>(ticket_errc::file_size_invalid); ++code) {
    names.insert(name_of(static_cast<ticket_errc>(code)));
    words.insert(make_error_code(static_cast<ticket_errc>(code)).message());
  }
  EXPECT_EQ(names.size(), 6U);
  EXPECT_EQ(words.size(), 6U);
  EXPECT_FALSE(names.contains("unknown"));
}

// Rotated by random clocks: what is written is read back as it was.
RC_GTEST_PROP(TicketKeysProperty, WhatIsWrittenIsReadBack, ()) {
  auto keys = ticket_keys::first(start, policy);
  for (const int minutes :
       *rc::gen::container<std::vector<int>>(rc::gen::inRange(-3'000, 30'000))) {
    keys = keys.rotated(start + std::chrono::minutes(minutes), policy, 1min);
  }
  const auto read = ticket_keys::decode(keys.encode());
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == keys);
}

// Any bytes, and real ones with a few changed: read, or refused by name; what is read is canonical.
RC_GTEST_PROP(TicketKeysProperty, WhateverIsReadIsWrittenTheSame, ()) {
  std::string bytes = ticket_keys::first(start, policy).rotated(start, policy, 1min).encode();
  const auto changes = *rc::gen::container<std::vector<std::pair<std::size_t, char>>>(
      rc::gen::pair(rc::gen::inRange<std::size_t>(0, bytes.size()), rc::gen::arbitrary<char>()));
  for (const auto& [at, by] : changes)
    bytes[at] = by;
  if (*rc::gen::inRange(0, 4) == 0) bytes = *rc::gen::arbitrary<std::string>();
  const auto keys = ticket_keys::decode(bytes);
  if (keys) {
    RC_ASSERT(keys->encode() == bytes);
  } else {
    RC_ASSERT(keys.error().category() == ticket_error_category());
  }
}

// --- the file

TEST(TicketKeys, OfAFileTheFirstSealsAndAllOpenForEver) {
  std::string bytes(160, 'a');
  bytes.replace(80, 16, 16, 'b');
  bytes.replace(16, 32, 32, 'm');
  const auto keys = ticket_keys::from_file(bytes);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  const auto* const sealing = keys->sealing(start);
  ASSERT_NE(sealing, nullptr);
  EXPECT_EQ(sealing->name.front(), 'a');
  EXPECT_EQ(sealing->mac_key.front(), 'm');
  EXPECT_EQ(sealing->cipher_key.front(), 'a');
  std::array<std::uint8_t, 16> second{};
  second.fill('b');
  EXPECT_NE(keys->find(second, start + 1000 * 24h), nullptr);
}

TEST(TicketKeys, AFileOfAnotherSizeIsRefused) {
  for (const std::size_t size : {0, 1, 48, 79, 81, 80 * 65})
    EXPECT_EQ(ticket_keys::from_file(std::string(size, 'a')).error(),
              ticket_errc::file_size_invalid);
  EXPECT_EQ(ticket_keys::from_file(std::string(160, 'a')).error(), ticket_errc::order_invalid);
}

// --- rings

TEST(TicketRing, PrefersTheFleetsKeysWhileTheyMaySealAndOpensWithAll) {
  const auto fleet = ticket_keys::first(start, policy);
  const auto own = ticket_keys::first(start + 6 * 24h, policy);
  const ticket_ring ring({{ticket_origin::zookeeper, fleet}, {ticket_origin::random, own}});
  EXPECT_EQ(ring.size(), 2U);
  EXPECT_EQ(ring.sealing(start + 7 * 24h - 1ms).origin, ticket_origin::zookeeper);
  EXPECT_EQ(ring.sealing(start + 7 * 24h).origin, ticket_origin::random);
  EXPECT_EQ(ring.sealing(start + 7 * 24h).key->name, own.newest().name);
  EXPECT_NE(ring.find(name_of_key(own.newest()), start + 6 * 24h), nullptr);
  EXPECT_NE(ring.find(name_of_key(fleet.newest()), start), nullptr);
  EXPECT_EQ(ring.find(name_of_key(fleet.newest()), start + 7 * 24h), nullptr);
}

TEST(TicketRing, AlwaysHasAKeyThatSeals) {
  const auto own = ticket_keys::first(start, policy);
  const ticket_ring ring({{ticket_origin::random, own}});
  EXPECT_EQ(ring.sealing(start - 1h).key->name, own.newest().name);
  EXPECT_EQ(ring.sealing(start + 99 * 24h).key->name, own.newest().name);
  EXPECT_EQ(ring.sealing(start + 99 * 24h).origin, ticket_origin::random);
}

}  // namespace
}  // namespace presenter::gateway
