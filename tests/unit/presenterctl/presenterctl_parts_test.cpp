#include <gtest/gtest.h>

#include "presenterctl/gateway_query.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

TEST(TextTable, IsAsWideAsItsWidestCells) {
  text_table table({{"NAME"}, {"COUNT", text_table::align::right}, {"LAST"}});
  table.add({"a", "12345678", ""});
  table.add({"longer", "1", "x"});
  EXPECT_EQ(table.to_string(),
            "NAME       COUNT  LAST\n"
            "a       12345678\n"
            "longer         1  x\n");
}

TEST(GatewayQuery, EncodesEverythingThatIsNotPlain) {
  EXPECT_EQ(percent_encoded("Az09-._~"), "Az09-._~");
  EXPECT_EQ(percent_encoded("a b&c=d/%+"), "a%20b%26c%3Dd%2F%25%2B");
  EXPECT_EQ(percent_encoded("\xc3\xa4\x01"), "%C3%A4%01");
}

TEST(GatewayQuery, ReadsAddresses) {
  const auto plain = parse_gateway("gw-1.example:9100");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "gw-1.example");
  EXPECT_EQ(plain->port, 9100);
  EXPECT_EQ(parse_gateway("[::1]:9100")->host, "::1");
  for (const auto* wrong : {"", ":", "host", "host:", ":1", "host:x", "::1:9100", "[]:1", "[h]:1",
                            "h:0", "h:65536", "a b:1", "10.0.0.256:1"})
    EXPECT_FALSE(parse_gateway(wrong)) << wrong;
}

}  // namespace
}  // namespace presenter::ctl
