#include "gateway/config/dns_name.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway {
namespace {

TEST(DnsName, MakesNamesAbsolute) {
  EXPECT_EQ(absolute_name("Chat.Example"), "chat.example.");
  EXPECT_EQ(absolute_name("_chat-1.example."), "_chat-1.example.");
  const std::string part(63, 'a');
  EXPECT_TRUE(absolute_name(part + '.' + part + '.' + part + '.' + std::string(61, 'b')));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a.."),
        std::string("a b"), std::string("a/b"), std::string("a?b"), std::string("*.a"), part + 'a',
        part + '.' + part + '.' + part + '.' + std::string(62, 'b')})
    EXPECT_FALSE(absolute_name(bad)) << bad;
}

TEST(DnsName, KnowsWhichNamesAreInAZone) {
  EXPECT_TRUE(is_in_zone("chat.example.", "example."));
  EXPECT_TRUE(is_in_zone("example.", "example."));
  EXPECT_FALSE(is_in_zone("badexample.", "example."));
  EXPECT_FALSE(is_in_zone("example.", "chat.example."));
}

}  // namespace
}  // namespace presenter::gateway
