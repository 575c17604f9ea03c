#include "gateway/tls/certificates/server_names.hpp"

#include <gtest/gtest.h>

#include <string>

namespace presenter::gateway {
namespace {

TEST(ServerNamePattern, IsADnsNameOrOneLabelsWildcard) {
  EXPECT_EQ(server_name_pattern("Chat.Example"), "chat.example");
  EXPECT_EQ(server_name_pattern("*.Chat.example"), "*.chat.example");
  EXPECT_EQ(server_name_pattern("localhost"), "localhost");
  EXPECT_EQ(server_name_pattern("a-1._b.xn--caf-dma"), "a-1._b.xn--caf-dma");
}

TEST(ServerNamePattern, IsNothingElse) {
  for (const std::string text :
       {"", ".", "*", "*.", "*.*.example", "a.*.example", "ch*.example", "*chat.example", "a..b",
        ".example", "example.", "192.0.2.1", "2001:db8::1", "a b", "caf\xc3\xa9.example"}) {
    EXPECT_FALSE(server_name_pattern(text)) << text;
  }
  EXPECT_FALSE(server_name_pattern(std::string("a\0b.example", 11)));
  EXPECT_FALSE(server_name_pattern(std::string(64, 'a') + ".example"));
  EXPECT_TRUE(server_name_pattern(std::string(63, 'a') + ".example"));
  std::string longest = "a";
  while (longest.size() < 253)
    longest += ".a";
  EXPECT_TRUE(server_name_pattern(longest));
  EXPECT_FALSE(server_name_pattern(longest + ".a"));
}

class ServerNameIndex : public ::testing::Test {
 protected:
  ServerNameIndex() {
    index.add("chat.example", 1);
    index.add("*.chat.example", 2);
    index.add("one.chat.example", 3);
    index.add("*.example", 4);
  }
  server_name_index index;
};

TEST_F(ServerNameIndex, TakesTheExactNameBeforeAWildcard) {
  EXPECT_EQ(index.find("chat.example"), 1U);
  EXPECT_EQ(index.find("one.chat.example"), 3U);
  EXPECT_EQ(index.find("two.chat.example"), 2U);
  EXPECT_EQ(index.find("other.example"), 4U);
}

TEST_F(ServerNameIndex, LooksAtNeitherCaseNorTheRootsDot) {
  EXPECT_EQ(index.find("ONE.chat.Example"), 3U);
  EXPECT_EQ(index.find("two.CHAT.example."), 2U);
}

TEST_F(ServerNameIndex, AWildcardIsOneWholeLabel) {
  EXPECT_FALSE(index.find("a.b.chat.example"));
  EXPECT_FALSE(index.find("example"));
  EXPECT_FALSE(index.find(".example"));
  EXPECT_FALSE(index.find(""));
  EXPECT_FALSE(index.find("."));
  EXPECT_FALSE(index.find("unknown.test"));
}

}  // namespace
}  // namespace presenter::gateway
