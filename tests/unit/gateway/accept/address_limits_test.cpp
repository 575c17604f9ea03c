#include "gateway/accept/address_limits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using boost::asio::ip::make_address;

class AddressLimits : public ::testing::Test {
 protected:
  AddressLimits() {
    settings.address_unauthenticated_max = 0;
    settings.address_handshakes_per_second = 0;
  }

  address_limits& table() {
    if (!table_) table_ = std::make_unique<address_limits>(settings, 1);
    return *table_;
  }
  address_verdict ask(const char* address) {
    auto [verdict, claim] = table().admit(make_address(address), now);
    claims.push_back(std::move(claim));
    return verdict;
  }
  // How many of `attempts` at once are let in.
  int admitted(int attempts, const char* address) {
    int count = 0;
    for (int i = 0; i < attempts; ++i)
      count += ask(address) == address_verdict::admitted;
    return count;
  }

  limits_config settings;
  steady_time now{24h};

 private:
  std::unique_ptr<address_limits> table_;

 protected:
  std::vector<address_claim> claims;  // before the table they belong to
};

TEST_F(AddressLimits, CountsTheUnauthenticatedOfEachAddress) {
  settings.address_unauthenticated_max = 3;
  EXPECT_EQ(admitted(10, "192.0.2.1"), 3);
  EXPECT_EQ(ask("192.0.2.1"), address_verdict::too_many_unauthenticated);
  EXPECT_EQ(admitted(10, "192.0.2.2"), 3);

  claims.front().release();
  claims.front().release();
  EXPECT_EQ(admitted(10, "192.0.2.1"), 1) << "a claim is given back once";
  claims.clear();
  EXPECT_EQ(admitted(10, "192.0.2.1"), 3);
}

TEST_F(AddressLimits, HoldsTheRateAndAllowsABurst) {
  settings.address_handshakes_per_second = 10;
  settings.address_handshakes_burst = 5;
  EXPECT_EQ(admitted(20, "192.0.2.1"), 5);
  EXPECT_EQ(ask("192.0.2.1"), address_verdict::too_fast);
  EXPECT_EQ(admitted(20, "192.0.2.2"), 5);
  now += 99ms;
  EXPECT_EQ(admitted(20, "192.0.2.1"), 0);
  now += 1ms;
  EXPECT_EQ(admitted(20, "192.0.2.1"), 1);
  int in_ten_seconds = 0;
  for (int i = 0; i < 1'000; ++i) {
    now += 10ms;
    in_ten_seconds += admitted(5, "192.0.2.1");
  }
  EXPECT_EQ(in_ten_seconds, 100);
  now += 1h;
  EXPECT_EQ(admitted(20, "192.0.2.1"), 5) << "no more than the burst after however long";
}

TEST_F(AddressLimits, ARefusedClientTakesNothing) {
  settings.address_unauthenticated_max = 1;
  settings.address_handshakes_per_second = 1;
  settings.address_handshakes_burst = 2;
  EXPECT_EQ(admitted(100, "192.0.2.1"), 1);
  claims.clear();
  EXPECT_EQ(admitted(100, "192.0.2.1"), 1) << "the second of the burst is still there";
}

TEST_F(AddressLimits, ANetworkOfIpv6IsOneAddress) {
  settings.address_unauthenticated_max = 1;
  EXPECT_EQ(admitted(1, "2001:db8:0:1::1"), 1);
  EXPECT_EQ(admitted(1, "2001:db8:0:1:ffff::2"), 0);
  EXPECT_EQ(admitted(1, "2001:db8:0:2::1"), 1);
  EXPECT_EQ(admitted(1, "192.0.2.1"), 1);
  EXPECT_EQ(admitted(1, "::ffff:192.0.2.1"), 0) << "the same client on a dual-stack listener";
  EXPECT_EQ(admitted(1, "::ffff:192.0.2.2"), 1);
}

TEST_F(AddressLimits, OthersHoldForWhoIsHereAlready) {
  settings.address_unauthenticated_max = 3;
  EXPECT_EQ(admitted(10, "192.0.2.1"), 3);
  settings.address_unauthenticated_max = 5;
  settings.address_exempt = {*parse_address_range("192.0.2.2")};
  table().change(settings);
  EXPECT_EQ(admitted(10, "192.0.2.1"), 2);
  EXPECT_EQ(admitted(10, "192.0.2.2"), 10);
  settings.address_unauthenticated_max = 0;
  table().change(settings);
  EXPECT_EQ(admitted(10, "192.0.2.1"), 10);
}

TEST_F(AddressLimits, SomeAreExempt) {
  settings.address_unauthenticated_max = 1;
  settings.address_exempt.push_back(*parse_address_range("10.1.0.0/16"));
  EXPECT_EQ(admitted(10, "10.1.2.3"), 10);
  EXPECT_EQ(admitted(10, "127.0.0.1"), 10) << "this machine, unless it is taken off the list";
  EXPECT_EQ(admitted(10, "10.2.0.1"), 1);
}

TEST_F(AddressLimits, NothingIsNeededWhenBothAreOff) {
  EXPECT_FALSE(address_limits::is_needed(settings));
  settings.address_handshakes_per_second = 1;
  EXPECT_TRUE(address_limits::is_needed(settings));
  EXPECT_TRUE(address_limits::is_needed(limits_config{}));
}

TEST_F(AddressLimits, MoreAddressesThanTheTableHoldsDoNotGrowIt) {
  settings.address_handshakes_per_second = 1;
  settings.address_handshakes_burst = 1;
  for (std::uint32_t i = 0; i < 4 * address_limits::addresses_max; ++i) {
    const auto [verdict, claim] = table().admit(address_v4(0x0a000000U + i), now);
    ASSERT_EQ(verdict, address_verdict::admitted) << i;
  }
}

TEST_F(AddressLimits, WhoHasClientsIsNotForgottenAndTheRestIsLetInUncounted) {
  settings.address_unauthenticated_max = 1;
  settings.address_exempt.clear();
  int untracked = 0;
  for (std::uint32_t i = 0; i < 2 * address_limits::addresses_max; ++i) {
    auto [verdict, claim] = table().admit(address_v4(0x0a000000U + i), now);
    ASSERT_TRUE(verdict == address_verdict::admitted || verdict == address_verdict::untracked);
    untracked += verdict == address_verdict::untracked;
    claims.push_back(std::move(claim));
  }
  EXPECT_GE(untracked, static_cast<int>(address_limits::addresses_max));
  EXPECT_EQ(admitted(1, "10.0.0.0"), 0) << "the first one is still known";
}

// The address that owes most stays: who hammers cannot be forgotten by adding quiet ones.
TEST_F(AddressLimits, ForgetsWhoOwesLeast) {
  settings.address_handshakes_per_second = 1;
  settings.address_handshakes_burst = 100;
  EXPECT_EQ(admitted(200, "192.0.2.1"), 100);
  claims.clear();
  for (std::uint32_t i = 0; i < 4 * address_limits::addresses_max; ++i)
    table().admit(address_v4(0x0a000000U + i), now);
  EXPECT_EQ(admitted(1, "192.0.2.1"), 0);
}

TEST_F(AddressLimits, WorkersShareOneLimit) {
  settings.address_unauthenticated_max = 1'000;
  std::atomic<int> in{0};
  address_limits& shared = table();
  const auto address = make_address("192.0.2.1");
  std::vector<std::vector<address_claim>> held(4);
  std::vector<std::thread> workers;
  workers.reserve(held.size());
  for (auto& claims_of_one : held) {
    workers.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        auto [verdict, claim] = shared.admit(address, now);
        if (verdict != address_verdict::admitted) continue;
        ++in;
        claims_of_one.push_back(std::move(claim));
      }
    });
  }
  for (auto& one : workers)
    one.join();
  EXPECT_EQ(in, 1'000);
  held.clear();
  EXPECT_EQ(admitted(2'000, "192.0.2.1"), 1'000);
}

}  // namespace
}  // namespace presenter::gateway
