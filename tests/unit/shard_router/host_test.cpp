#include "shard_router/host.hpp"

#include <gtest/gtest.h>

#include <string>

#include "shard_router/errc.hpp"

namespace presenter::shard_router {
namespace {

TEST(Host, KnowsWhatANameAndWhatAnAddressIs) {
  for (const std::string text : {"h", "localhost", "chat-a.example", "chat-a.example.", "chat_a",
                                 "a1", "1a", "10.example", "0x1z"})
    EXPECT_EQ(host_kind_of(text), host_kind::name) << text;
  EXPECT_EQ(host_kind_of(std::string(63, 'a') + "." + std::string(63, 'b')), host_kind::name);
  for (const char* text : {"10.0.0.7", "127.0.0.1", "0.0.0.0", "255.255.255.255"})
    EXPECT_EQ(host_kind_of(text), host_kind::ipv4) << text;
  for (const char* text : {"::", "::1", "2001:db8::7", "::ffff:10.0.0.7"})
    EXPECT_EQ(host_kind_of(text), host_kind::ipv6) << text;
}

TEST(Host, RefusesWhatNobodyCanConnectTo) {
  using namespace std::string_literals;
  for (const std::string& text : {""s,
                                  " "s,
                                  "a b"s,
                                  "chat-a\n"s,
                                  "\tchat-a"s,
                                  "chat\x01"s,
                                  "a\0b"s,
                                  "[::1]"s,
                                  "[h]"s,
                                  "a/b"s,
                                  "a:1"s,
                                  "a,b"s,
                                  "."s,
                                  "a..b"s,
                                  ".a"s,
                                  "a.."s,
                                  "-a"s,
                                  "a-"s,
                                  "a.-b"s,
                                  "é"s,
                                  "\xff"s,
                                  "fe80::1%lo"s,
                                  ":::"s,
                                  "1::2::3"s,
                                  "12345::"s,
                                  "127.1"s,
                                  "0"s,
                                  "0x7f000001"s,
                                  "0x"s,
                                  "2130706433"s,
                                  "10.0.0.256"s,
                                  "10.0.0"s,
                                  "010.0.0.1"s,
                                  "a.0x1"s,
                                  "a.1"s,
                                  std::string(64, 'a'),
                                  std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                      std::string(63, 'c') + "." + std::string(63, 'd')}) {
    EXPECT_EQ(host_kind_of(text), host_kind::none) << text;
    EXPECT_EQ(check_host(text), errc::host_invalid) << text;
  }
}

TEST(Host, AnAddressOfNobodyIsNoPlace) {
  for (const char* text : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255",
                           "::", "0:0::0", "::ffff:0.0.0.0", "::0.0.0.0", "ff02::1"})
    EXPECT_EQ(check_host(text), errc::host_wildcard) << text;
  for (const char* text : {"127.0.0.1", "10.0.0.7", "240.0.0.1", "::1", "fd00::7", "fe80::1",
                           "::ffff:10.0.0.7", "chat-a.example"})
    EXPECT_FALSE(check_host(text)) << text;
}

TEST(Host, StandsBeforeAPort) {
  EXPECT_EQ(parse_host_port("chat.example:443"), (host_port{"chat.example", 443}));
  EXPECT_EQ(parse_host_port("10.0.0.7:0"), (host_port{"10.0.0.7", 0}));
  EXPECT_EQ(parse_host_port("0.0.0.0:65535"), (host_port{"0.0.0.0", 65'535}));
  EXPECT_EQ(parse_host_port("[::1]:443"), (host_port{"::1", 443}));
  for (const char* text :
       {"",         ":",        ":443",     "h",      "h:",      "h:65536",
        "h:-1",     "h:+1",     "h: 1",     "h:1 ",   "h:1x",    "::1:443",
        "::1",      "[::1]",    "[::1]443", "[]:443", "[h]:443", "[127.0.0.1]:443",
        "[::1:443", "::1]:443", "a b:1"})
    EXPECT_FALSE(parse_host_port(text)) << text;
  EXPECT_EQ(format_host_port("::1", 443), "[::1]:443");
  EXPECT_EQ(format_host_port("h", 443), "h:443");
}

}  // namespace
}  // namespace presenter::shard_router
