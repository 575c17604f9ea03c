#include "gateway/balance/powerdns/lua_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway::powerdns {
namespace {

using boost::asio::ip::make_address;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LuaRecord, HasATextForEachFamily) {
  const address_weights weights{{make_address("192.0.2.1"), 100},
                                {make_address("192.0.2.2"), 30},
                                {make_address("2001:db8::1"), 100}};
  EXPECT_THAT(
      lua_contents(weights),
      ElementsAre("A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},{30,'192.0.2.2'},})\"",
                  "AAAA \"--[[presenter]] pickwrandom({{100,'2001:db8::1'},})\""));
  EXPECT_THAT(lua_contents({}), IsEmpty());
}

TEST(LuaRecord, RoundsWeightsAndGivesEverybodySome) {
  EXPECT_THAT(
      address_weights_of(state_of({{"g1", 0.0001}, {"g2", 0.889}, {"g3", 2}, {"g4", 9}})),
      ElementsAre(std::pair(make_address("192.0.2.1"), 1), std::pair(make_address("192.0.2.2"), 89),
                  std::pair(make_address("192.0.2.3"), 200),
                  std::pair(make_address("192.0.2.4"), 200)));
}

// RFC 1035: a text has 255 bytes at most. It is cut where a blank more or less is the same to Lua.
TEST(LuaRecord, CutsLongTextsBetweenAddresses) {
  address_weights weights;
  for (unsigned i = 1; i <= addresses_max; ++i) {
    weights[boost::asio::ip::address_v4(0x0a000000 + i)] = static_cast<int>(1 + i % 200);
    const auto contents = lua_contents(weights);
    ASSERT_THAT(contents, SizeIs(1));
    ASSERT_EQ(parse_lua_content(contents[0]), weights) << contents[0];
  }
  const std::string content = lua_contents(weights)[0];
  std::size_t texts = 0;
  for (auto at = content.find('"'); at != std::string::npos; at = content.find('"', at + 1)) {
    const auto end = content.find('"', at + 1);
    EXPECT_LE(end - at - 1, 255U);
    at = end;
    ++texts;
  }
  EXPECT_GT(content.size() / texts, 230U) << "none shorter than it must be";
}

TEST(LuaRecord, KnowsWhatIsItsOwn) {
  const std::string own = lua_contents({{make_address("192.0.2.1"), 7}})[0];
  EXPECT_TRUE(parse_lua_content(own));
  for (const char* foreign :
       {"", "A", "A \"", "A \"pickwrandom({{100,'192.0.2.1'},})\"", "A \"ifportup(443, {'x'})\"",
        "TXT \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},})\"",
        "A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},}) .. 'x'\"",
        "A \"--[[presenter]] pickwrandom({{100,'192.0.2'},})\"",
        "A \"--[[presenter]] pickwrandom({{100,'2001:db8::1'},})\"",
        "A \"--[[presenter]] pickwrandom({{x,'192.0.2.1'},})\"",
        "A \"--[[presenter]] pickwrandom({{100,'192.0.2.1"})
    EXPECT_FALSE(parse_lua_content(foreign)) << foreign;
  for (std::size_t size = 0; size < own.size(); ++size)
    EXPECT_FALSE(parse_lua_content(own.substr(0, size))) << size;
}

}  // namespace
}  // namespace presenter::gateway::powerdns
