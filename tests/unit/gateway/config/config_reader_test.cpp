#include "gateway/config/config_reader.hpp"

#include <gmock/gmock.h>

#include "gateway/config/config_checks.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("12h"), 12h);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, IsNothingElse) {
  for (const auto* text : {"", "10", "s", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5s", "10S",
                           "10sec", "0x10s", "99999999999999999999h", "1000000001ms"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
}

TEST(Duration, IsWrittenAsItIsRead) {
  for (const auto value : {0ms, 1ms, 1500ms, 10'000ms, 300'000ms, 43'200'000ms})
    EXPECT_EQ(parse_duration(format_duration(value)), value) << format_duration(value);
  EXPECT_EQ(format_duration(5min), "5m");
}

TEST(ClosestOf, FindsMisspellings) {
  const std::vector<std::string> keys{"address", "backlog", "certificate", "private_key"};
  EXPECT_EQ(closest_of("adress", keys), "address");
  EXPECT_EQ(closest_of("bakclog", keys), "backlog");
  EXPECT_EQ(closest_of("private-key", keys), "private_key");
  EXPECT_EQ(closest_of("certificates", keys), "certificate");
  EXPECT_EQ(closest_of("timeout", keys), std::nullopt);
  EXPECT_EQ(closest_of("x", {"at"}), std::nullopt);
  EXPECT_EQ(closest_of("", keys), std::nullopt);
}

TEST(Endpoint, IsAnAddressAndAPort) {
  EXPECT_EQ(parse_endpoint("0.0.0.0:443")->port(), 443);
  EXPECT_TRUE(parse_endpoint("[::]:443")->address().is_v6());
  EXPECT_EQ(parse_endpoint("127.0.0.1:0")->port(), 0);
  EXPECT_EQ(parse_endpoint("[::1]:65535")->port(), 65'535);
}

TEST(Endpoint, IsNothingElse) {
  for (const auto* text : {"", ":443", "443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:44x", "localhost:443", "::1:443", "[::1]",
                           "[127.0.0.1]:443", "[]:443", "*:443", "127.0.0.1 :443"})
    EXPECT_FALSE(parse_endpoint(text).has_value()) << '"' << text << '"';
}

TEST(Zookeeper, IsHostsAndAnOptionalChroot) {
  for (const auto* text : {"zk:2181", "zk1:2181,zk2:2181,zk3:2181", "10.0.0.1:2181/presenter",
                           "a:1,b:2/a/b", "zk:2181/"})
    EXPECT_EQ(check_zookeeper(text), "") << text;
}

TEST(Zookeeper, IsNothingElse) {
  for (const auto* text : {"", "zk", "zk:", ":2181", "zk:0", "zk:65536", "zk:2181,", ",zk:2181",
                           "zk:x", "a:b:1", "zk:1/..", "zk:2181/a/", "zk:2181//a", "z k:2181",
                           "zk:2181/a b", "/presenter", "zk:2181,,zk2:2181"})
    EXPECT_NE(check_zookeeper(text), "") << '"' << text << '"';
}

TEST(ConfigSection, PointsAtTheValueThatIsWrong) {
  const auto table = toml::parse("\n\n  count = \"many\"\n");
  config_errors errors{"a.toml", {}};
  config_section section{&table, "workers", {1, 1}, errors};
  std::size_t count = 3;
  section.read("count", count, 0, 256);
  section.finish();

  EXPECT_EQ(count, 3U);
  ASSERT_EQ(errors.list.size(), 1U);
  EXPECT_EQ(errors.list[0].line, 3U);
  EXPECT_EQ(errors.list[0].column, 11U);
  EXPECT_EQ(errors.list[0].to_string(),
            "a.toml:3: workers.count: must be an integer, not a string");
}

}  // namespace
}  // namespace presenter::gateway
