#include "gateway/balance/route53/record_set.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway::route53 {
namespace {

using boost::asio::ip::make_address;

TEST(Route53RecordSet, IsOneForEachGatewayAndFamily) {
  const dns_state state{.record_name = "chat.example",
                        .ttl = std::chrono::seconds(30),
                        .records = {{"gw-1", make_address("192.0.2.1"), 1},
                                    {"gw-1", make_address("192.0.2.2"), 1},
                                    {"gw-1", make_address("2001:db8::1"), 1},
                                    {"gw-2", make_address("192.0.2.3"), 0.1}}};
  const auto sets = sets_of(state, "presenter-");
  ASSERT_EQ(sets.size(), 3u);
  EXPECT_EQ(sets[0], (record_set{.type = record_type::a,
                                 .set_identifier = "presenter-gw-1",
                                 .weight = 127,
                                 .ttl = std::chrono::seconds(30),
                                 .values = {"192.0.2.1", "192.0.2.2"},
                                 .health_check = ""}));
  EXPECT_EQ(sets[1].type, record_type::aaaa);
  EXPECT_EQ(sets[1].set_identifier, "presenter-gw-1");
  EXPECT_EQ(sets[2].set_identifier, "presenter-gw-2");
  EXPECT_EQ(sets[2].weight, 13);
}

TEST(Route53RecordSet, RoundsWeightsIntoTheRangeOfTheService) {
  EXPECT_EQ(quantized(1), 127);
  EXPECT_EQ(quantized(2), 254);
  EXPECT_EQ(quantized(1e-9), 1);
  EXPECT_EQ(quantized(1e9), 255);
}

TEST(Route53RecordSet, TellsLongNamesApart) {
  const std::string name(250, 'n');
  EXPECT_EQ(set_identifier_of("p-", std::string(126, 'n')), "p-" + std::string(126, 'n'));
  const std::string one = set_identifier_of("p-", name + "1");
  EXPECT_EQ(one.size(), set_identifier_bytes_max);
  EXPECT_TRUE(one.starts_with("p-nnn"));
  EXPECT_EQ(one, set_identifier_of("p-", name + "1"));
  EXPECT_NE(one, set_identifier_of("p-", name + "2"));
}

TEST(Route53RecordSet, IsTheSameHoweverItsAddressesAreWritten) {
  const record_set ours{
      .type = record_type::aaaa, .set_identifier = "p-1", .values = {"2001:db8::1", "2001:db8::2"}};
  record_set listed = ours;
  listed.values = {"2001:0db8:0:0:0:0:0:2", "2001:DB8:0:0::1"};
  EXPECT_TRUE(is_equivalent(ours, listed));
  listed.values.pop_back();
  EXPECT_FALSE(is_equivalent(ours, listed));
  listed = ours;
  listed.weight = 2;
  EXPECT_FALSE(is_equivalent(ours, listed));
  listed = ours;
  listed.ttl = std::chrono::seconds(61);
  EXPECT_FALSE(is_equivalent(ours, listed));
  listed = ours;
  listed.values = {"no address"};
  EXPECT_FALSE(is_equivalent(listed, listed));
}

TEST(Route53RecordSet, WritesNamesAsTheServiceDoes) {
  EXPECT_EQ(escaped_name("Chat.Example"), "chat.example.");
  EXPECT_EQ(escaped_name("*.chat_x.example."), "\\052.chat_x.example.");
}

TEST(Route53RecordSet, KnowsWhatIsInAZone) {
  EXPECT_TRUE(is_in_zone("example.", "example."));
  EXPECT_TRUE(is_in_zone("chat.example.", "example."));
  EXPECT_FALSE(is_in_zone("chatexample.", "example."));
  EXPECT_FALSE(is_in_zone("example.", "chat.example."));
}

}  // namespace
}  // namespace presenter::gateway::route53
