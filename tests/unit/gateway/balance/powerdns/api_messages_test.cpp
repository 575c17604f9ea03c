// The replies are as PowerDNS 4.7 sends them.
#include "gateway/balance/powerdns/api_messages.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace presenter::gateway::powerdns {
namespace {

using boost::asio::ip::make_address;
using nlohmann::json;
using std::chrono::seconds;

constexpr std::string_view own_content =
    R"(A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},})\")";

// A zone's description with one record set of that type and content, TTL 60.
std::string zone_with(std::string_view name, std::string_view type, std::string_view content) {
  return std::string(
             R"({"id": "example.", "kind": "Native", "rrsets": [{"comments": [], "name": ")")
      .append(name)
      .append(R"(", "records": [{"content": ")")
      .append(content)
      .append(R"(", "disabled": false}], "ttl": 60, "type": ")")
      .append(type)
      .append(R"("}], "serial": 2026112802})");
}

TEST(ApiMessages, ReadsOurRecord) {
  const auto found =
      read_named_sets(zone_with("chat.example.", "LUA", own_content), "chat.example.");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->weights, (address_weights{{make_address("192.0.2.1"), 100}}));
  EXPECT_EQ(found->ttl, seconds(60));
  EXPECT_EQ(found->in_the_way, "");
}

TEST(ApiMessages, SeesWhatIsInTheWay) {
  const auto obstacle = [](std::string_view type, std::string_view content) {
    const auto found = read_named_sets(zone_with("Chat.Example.", type, content), "chat.example.");
    return found ? found->in_the_way : "nothing was read";
  };
  EXPECT_EQ(obstacle("A", "192.0.2.9"), "an A record");
  EXPECT_EQ(obstacle("AAAA", "2001:db8::9"), "an AAAA record");
  EXPECT_EQ(obstacle("CNAME", "www.example."), "a CNAME record");
  EXPECT_EQ(obstacle("LUA", R"(A \"ifportup(443, {'192.0.2.9'})\")"),
            "a LUA record of somebody else");
  EXPECT_EQ(obstacle("TXT", R"(\"v=spf1\")"), "");
}

// PowerDNS before 4.6 does not choose by name.
TEST(ApiMessages, PassesOtherNamesBy) {
  const auto found = read_named_sets(zone_with("www.example.", "A", "192.0.2.9"), "chat.example.");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->in_the_way, "");
}

TEST(ApiMessages, TakesNothingElseForAZone) {
  const std::string whole = zone_with("chat.example.", "LUA", own_content);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_named_sets(whole.substr(0, size), "chat.example.")) << size;
  for (const char* other : {"[]", "{}", "null", R"({"rrsets": 1})", "Not Found"})
    EXPECT_FALSE(read_named_sets(other, "chat.example.")) << other;
  // What is inside may be anything.
  for (const char* odd : {R"({"rrsets": [1, null, {}, {"name": 1}, {"name": "chat.example."}]})",
                          R"({"rrsets": [{"name": "chat.example.", "type": "LUA", "records": 1}]})",
                          R"({"rrsets": [{"name": "chat.example.", "type": 1, "ttl": "x"}]})"})
    EXPECT_TRUE(read_named_sets(odd, "chat.example.")) << odd;
}

TEST(ApiMessages, ReplacesOurRecordSet) {
  EXPECT_EQ(
      json::parse(change_of("chat.example.", seconds(60), {{make_address("192.0.2.1"), 100}})),
      json::parse(std::string(R"({"rrsets": [{"name": "chat.example.", "type": "LUA",
              "ttl": 60, "changetype": "REPLACE", "records": [{"disabled": false, "content": ")") +
                  std::string(own_content) + R"("}]}]})"));
}

TEST(ApiMessages, DeletesItWithTheLastAddress) {
  EXPECT_EQ(json::parse(change_of("chat.example.", seconds(60), {})), json::parse(R"({"rrsets": [
              {"name": "chat.example.", "type": "LUA", "changetype": "DELETE"}]})"));
}

TEST(ApiMessages, KnowsWhetherLuaRecordsAreServed) {
  EXPECT_EQ(read_are_lua_records_on(R"([{"name": "enable-lua-records", "value": "no"}])"), false);
  EXPECT_EQ(read_are_lua_records_on(R"([{"name": "a", "value": "no"},
                                        {"name": "enable-lua-records", "value": "shared"}])"),
            true);
  EXPECT_EQ(read_are_lua_records_on("[]"), false);
  EXPECT_EQ(read_are_lua_records_on("{}"), std::nullopt);
  EXPECT_EQ(read_are_lua_records_on_in_zone(
                R"([{"kind": "ENABLE-LUA-RECORDS", "metadata": ["1"], "type": "Metadata"}])"),
            true);
  EXPECT_EQ(read_are_lua_records_on_in_zone(
                R"([{"kind": "ENABLE-LUA-RECORDS", "metadata": ["0"], "type": "Metadata"}])"),
            false);
  EXPECT_EQ(read_are_lua_records_on_in_zone("[]"), false);
  EXPECT_EQ(read_are_lua_records_on_in_zone("nothing"), std::nullopt);
}

TEST(ApiMessages, ReadsFailures) {
  EXPECT_EQ(read_failure(R"({"error": "Name is out of zone"})"), "Name is out of zone");
  EXPECT_EQ(read_failure("Not Found\r\nmore"), "Not Found");
  EXPECT_EQ(read_failure(""), "");
  EXPECT_EQ(read_failure("a\x1b[2J"), "a?[2J");
  EXPECT_EQ(read_failure(std::string(1'000, 'x')).size(), 200U);
}

}  // namespace
}  // namespace presenter::gateway::powerdns
