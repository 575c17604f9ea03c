#include "shard_router/shard_map_codec.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

boost::system::error_code error_of(std::string_view json, std::string_view name = "chat-a") {
  const auto decoded = decode_backend(name, json);
  return decoded ? boost::system::error_code() : decoded.error();
}

TEST(ShardMapCodec, ReadsWhatItWrites) {
  backend_entry full = made_backend("chat-a");
  full.weight = 250;
  full.state = backend_state::draining;
  full.instance = "1f0d";
  const auto decoded = decode_backend("chat-a", encode_backend(full));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, full);
}

TEST(ShardMapCodec, OnlyHostAndPortMustBeThere) {
  const auto decoded = decode_backend("chat-a", R"({"host":"h","port":1,"later":{"x":[1]}})");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->weight, limits::weight_default);
  EXPECT_EQ(decoded->state, backend_state::up);
  EXPECT_EQ(decoded->instance, "");
}

TEST(ShardMapCodec, EveryMistakeHasItsName) {
  EXPECT_EQ(error_of(""), errc::entry_not_json);
  EXPECT_EQ(error_of("{"), errc::entry_not_json);
  EXPECT_EQ(error_of("[]"), errc::entry_not_json);
  EXPECT_EQ(error_of(std::string("{\"host\":\"\xff\"}")), errc::entry_not_json);
  EXPECT_EQ(error_of(R"({"port":1})"), errc::host_invalid);
  EXPECT_EQ(error_of(R"({"host":"","port":1})"), errc::host_invalid);
  EXPECT_EQ(error_of(R"({"host":7,"port":1})"), errc::host_invalid);
  for (const char* host : {"a b", "chat-a\\n", "\\u0007", "[::1]", "10.0.0.256", "é"}) {
    EXPECT_EQ(error_of(std::string(R"({"port":1,"host":")") + host + "\"}"), errc::host_invalid)
        << host;
  }
  for (const char* host : {"0.0.0.0", "::", "ff02::1"}) {
    EXPECT_EQ(error_of(std::string(R"({"port":1,"host":")") + host + "\"}"), errc::host_wildcard)
        << host;
  }
  EXPECT_EQ(error_of(R"({"host":")" + std::string(254, 'h') + R"(","port":1})"),
            errc::host_invalid);
  for (const char* port : {"0", "65536", "-1", "1.5", "\"1\"", "null", "18446744073709551615",
                           "99999999999999999999999"}) {
    EXPECT_EQ(error_of(std::string(R"({"host":"h","port":)") + port + "}"), errc::port_invalid)
        << port;
  }
  EXPECT_EQ(error_of(R"({"host":"h"})"), errc::port_invalid);
  for (const char* weight : {"0", "1001", "-5", "\"1\"", "1e2"}) {
    EXPECT_EQ(error_of(std::string(R"({"host":"h","port":1,"weight":)") + weight + "}"),
              errc::weight_invalid)
        << weight;
  }
  EXPECT_EQ(error_of(R"({"host":"h","port":1,"state":"down"})"), errc::state_invalid);
  EXPECT_EQ(error_of(R"({"host":"h","port":1,"state":1})"), errc::state_invalid);
  EXPECT_EQ(error_of(R"({"host":"h","port":1,"instance":1})"), errc::instance_invalid);
  EXPECT_EQ(error_of(R"({"host":"h","port":1,"instance":"a\nb"})"), errc::instance_invalid);
  EXPECT_EQ(error_of(R"({"host":"h","port":1})", "chat a"), errc::name_invalid);
}

TEST(ShardMapCodec, TheSizeIsCheckedBeforeTheContent) {
  const std::string fits = R"({"host":"h","port":1})";
  EXPECT_FALSE(error_of(fits + std::string(limits::node_bytes_max - fits.size(), ' ')));
  EXPECT_EQ(error_of(fits + std::string(limits::node_bytes_max - fits.size() + 1, ' ')),
            errc::entry_too_large);
  // Deep nesting within the limit is read without a deep stack.
  EXPECT_EQ(error_of(std::string(limits::node_bytes_max, '[')), errc::entry_not_json);
}

TEST(ShardMapCodec, CutAnywhereItIsNoEntry) {
  const std::string whole = encode_backend(made_backend("chat-a"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(error_of(whole.substr(0, size)), errc::entry_not_json) << size;
  }
}

TEST(ShardMapCodec, NamesAreNarrow) {
  for (const char* name : {"a", "chat-a.example_1", "0", "A"})
    EXPECT_TRUE(is_backend_name(name));
  EXPECT_TRUE(is_backend_name(std::string(255, 'a')));
  EXPECT_FALSE(is_backend_name(std::string(256, 'a')));
  for (const char* name : {"", "a b", "a/b", "a#1", "é", "a\n", "\""}) {
    EXPECT_FALSE(is_backend_name(name)) << name;
  }
}

TEST(ShardMapCodec, BytesThatAreNoTextAreRefusedInsteadOfThrown) {
  backend_entry odd = made_backend("chat-a");
  odd.host = "\xff";
  EXPECT_EQ(error_of(encode_backend(odd)), errc::host_invalid);
  odd = made_backend("chat-a");
  odd.instance = "\xff";
  EXPECT_EQ(error_of(encode_backend(odd)), errc::instance_invalid);
}

TEST(ShardMapCodec, AHostOfIpv6IsKeptAsItIs) {
  EXPECT_EQ(decode_backend("chat-a", R"({"host":"2001:db8::7","port":1})")->host, "2001:db8::7");
}

TEST(ShardMapCodec, AWholeMapReadsWhatItWrites) {
  const shard_map_ptr map = made_map({"chat-a", "chat-b"}, 4'294'967'301);
  const auto decoded = decode_map(encode_map(*map));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->map->epoch(), map->epoch());
  EXPECT_EQ(decoded->map->backends(), map->backends());
  EXPECT_TRUE(decoded->refused.empty());
}

std::string whole_map(const std::string& servers) {
  return R"({"epoch":1,"servers":[)" + servers + "]}";
}

TEST(ShardMapCodec, AnEntryWithAMistakeIsLeftOutOfAWholeMap) {
  const auto decoded = decode_map(whole_map(R"(
      {"name":"a","host":"0.0.0.0","port":1}, {"name":"b","host":"h","port":1}, 7,
      {"host":"h","port":1}, {"name":"a b","host":"h","port":1}, {"name":"c","host":"h","port":0},
      {"name":"d","host":"h","port":2,"state":"draining"})"));
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->map->backends().size(), 2U);
  EXPECT_NE(decoded->map->find("b"), nullptr);
  EXPECT_NE(decoded->map->find("d"), nullptr);
  std::string refused;
  for (const refused_backend& each : decoded->refused)
    refused += each.name + ": " + std::string(name_of(static_cast<errc>(each.why.value()))) + "\n";
  EXPECT_EQ(refused,
            "a: host_wildcard\nnumber 3: entry_not_json\nnumber 4: name_invalid\n"
            "number 5: name_invalid\nc: port_invalid\n");
}

TEST(ShardMapCodec, AWholeMapMayNameNobodyWhoIsUp) {
  for (const char* servers : {"", R"({"name":"a","host":"h","port":1,"state":"draining"})"}) {
    const auto decoded = decode_map(whole_map(servers));
    ASSERT_TRUE(decoded) << servers;
    EXPECT_EQ(decoded->map->backends_up(), 0U);
  }
}

TEST(ShardMapCodec, WhatIsNoWholeMapIsRefused) {
  const std::string good = R"({"name":"a","host":"h","port":1})";
  const std::string bad = R"({"name":"a","host":"","port":1})";
  ASSERT_TRUE(decode_map(whole_map(good)));
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"epoch":1})"),
        std::string(R"({"epoch":"1","servers":[]})"), std::string(R"({"epoch":1,"servers":{}})"),
        whole_map("\"\xff\""), whole_map(good + "," + good), whole_map(good + "," + bad),
        whole_map(bad + "," + good)}) {
    const auto decoded = decode_map(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error(), errc::saved_map_invalid) << text;
  }
}

}  // namespace
}  // namespace presenter::shard_router
