#include "gateway/config/address_range.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway {
namespace {

using boost::asio::ip::make_address;

bool covers(const char* range, const char* address) {
  return parse_address_range(range).value().contains(make_address(address));
}

TEST(AddressRange, HoldsWhatHasItsPrefix) {
  EXPECT_TRUE(covers("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(covers("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(covers("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(covers("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(covers("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(covers("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(covers("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(covers("2001:db8::/32", "2001:db9::"));
  EXPECT_TRUE(covers("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(covers("2001:db8::/33", "2001:db8:8000::"));
}

TEST(AddressRange, TheWholeOfOneFamilyIsNotTheOther) {
  EXPECT_TRUE(covers("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(covers("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(covers("::/0", "2001:db8::1"));
  EXPECT_FALSE(covers("::/0", "203.0.113.9"));
  EXPECT_FALSE(covers("::/0", "::ffff:203.0.113.9"));
  EXPECT_TRUE(covers("::ffff:0:0/96", "203.0.113.9"));
}

TEST(AddressRange, AClientOfADualStackListenerIsTheSameClient) {
  EXPECT_TRUE(covers("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(covers("::ffff:10.0.0.0/104", "10.1.2.3"));
}

TEST(AddressRange, AMappedAddressIsTheOneItHolds) {
  EXPECT_EQ(unmapped(make_address("::ffff:10.1.2.3")), make_address("10.1.2.3"));
  for (const char* other : {"10.1.2.3", "::1", "::fffe:10.1.2.3", "2001:db8::1"})
    EXPECT_EQ(unmapped(make_address(other)), make_address(other)) << other;
}

TEST(AddressRange, RefusesWhatIsNoneAndWhatWasMeantOtherwise) {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ",
                           "10.0.0/8", "::1/129", "fe80::1%lo", "localhost", "10.0.0.0/08x"})
    EXPECT_FALSE(parse_address_range(text)) << text;
  EXPECT_FALSE(parse_address_range("10.0.0.1/8")) << "a bit is set behind the prefix";
  EXPECT_FALSE(parse_address_range("2001:db8::1/64"));
}

TEST(AddressRange, KnowsLoopback) {
  const auto loopback = address_ranges_loopback();
  ASSERT_EQ(loopback.size(), 2U);
  EXPECT_TRUE(loopback[0].contains(make_address("127.9.9.9")));
  EXPECT_TRUE(loopback[1].contains(make_address("::1")));
  EXPECT_FALSE(loopback[1].contains(make_address("::2")));
}

}  // namespace
}  // namespace presenter::gateway
