#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "presenterctl/plain_words.hpp"
#include "presenterctl/top_rates.hpp"
#include "presenterctl/top_screen.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;

json client(const char* tag, std::uint32_t to_backend, std::uint32_t to_client) {
  return {{"tag", tag},          {"address", "192.0.2.1:5"},
          {"backend", "chat-a"}, {"bytes_to_backend", to_backend},
          {"idle_seconds", 3},   {"bytes_to_client", to_client}};
}

json page(double seconds, std::uint64_t counted, json busiest = json::array()) {
  return {{"gateway", "g"},
          {"state", "up"},
          {"ready", true},
          {"uptime_seconds", seconds},
          {"monotonic_seconds", seconds},
          {"clients", 4},
          {"clients_max", 100},
          {"streams", 3},
          {"links_up", 2},
          {"backends", 1},
          {"phases", {{"handshake", 1}, {"relaying", 3}, {"closing", 0}}},
          {"busiest_backends",
           {{{"name", "chat-a"}, {"streams", 3}, {"links_up", 2}, {"links_wanted", 2}}}},
          {"busiest", std::move(busiest)},
          {"counters",
           {{"accepted", counted},
            {"closes", counted},
            {"handshakes", {{"full", counted}, {"resumed", 2 * counted}, {"failed", 0}}},
            {"bytes_to_backend", 1'000 * counted},
            {"bytes_to_client", 2'000 * counted},
            {"frames_received", counted},
            {"cpu_seconds", static_cast<double>(counted) / 10}}}};
}

TEST(TopRates, AreDifferencesByTheGatewaysOwnClock) {
  const json rates = rates_between(page(100, 10), page(104, 18));
  EXPECT_DOUBLE_EQ(rates.at("seconds"), 4);
  EXPECT_DOUBLE_EQ(rates.at("accepted"), 2);
  EXPECT_DOUBLE_EQ(rates.at("handshakes").at("resumed"), 4);
  EXPECT_DOUBLE_EQ(rates.at("bytes_to_client"), 4'000);
  EXPECT_DOUBLE_EQ(rates.at("cpu"), 0.2);
}

// 100 turns, of which `slow` took up to 10 ms and the others up to 1 ms; 7 had been there before.
json turns(std::uint64_t slow, std::uint64_t before = 7) {
  return {{"bounds", {0.001, 0.01}}, {"counts", {before + 100 - slow, before + slow, before}}};
}

json p99(const json& before, const json& after) {
  json first = page(1, 1);
  json second = page(2, 2);
  if (!before.is_null()) first["loop_turns"] = before;
  if (!after.is_null()) second["loop_turns"] = after;
  return rates_between(first, second).at("loop_turn_p99");
}

const json turns_before{{"bounds", {0.001, 0.01}}, {"counts", {7, 7, 7}}};

TEST(TopRates, P99IsThatOfTheTurnsInBetween) {
  EXPECT_DOUBLE_EQ(p99(turns_before, turns(0)), 0.000'99);
  EXPECT_DOUBLE_EQ(p99(turns_before, turns(1)), 0.001);
  // The 99th of 100 is the middle of the two that took longer.
  EXPECT_DOUBLE_EQ(p99(turns_before, turns(2)), 0.001 + 0.009 / 2);
  json longest = turns(2);
  longest["counts"] = {7, 7, 8};
  EXPECT_DOUBLE_EQ(p99(turns_before, longest), 0.01) << "as much as the bounds can say";
}

TEST(TopRates, P99IsUnknownWithoutTurns) {
  EXPECT_TRUE(p99(turns_before, turns_before).is_null()) << "nobody turned";
  EXPECT_TRUE(p99({}, turns(1)).is_null()) << "an older version";
  EXPECT_TRUE(p99(turns_before, {}).is_null());
  EXPECT_TRUE(p99(turns(1), turns_before).is_null()) << "it began anew";
  json other = turns(1);
  other["counts"] = {1};
  EXPECT_TRUE(p99(turns_before, other).is_null());
}

TEST(TopRates, OfClientsHoldOverTheirCountersEnd) {
  const json before =
      page(1, 1, json::array({client("a", 0xffff'ff00U, 10), client("gone", 1, 1)}));
  const json after = page(3, 1, json::array({client("a", 0x100, 110), client("new", 9, 9)}));
  const json rates = rates_between(before, after).at("clients");
  EXPECT_EQ(rates.size(), 1U);
  EXPECT_DOUBLE_EQ(rates.at("a"), (512 + 100) / 2.0);
}

TEST(TopRates, AreUnknownWhereTheGatewayBeganAnew) {
  EXPECT_TRUE(rates_between(page(100, 10), page(104, 3)).is_null());
  EXPECT_TRUE(rates_between(page(100, 10), page(100, 10)).is_null());
  json other = page(104, 18);
  other["gateway"] = "h";
  EXPECT_TRUE(rates_between(page(100, 10), other).is_null());
  EXPECT_THROW(rates_between(json::object(), json::object()), json::exception);
}

TEST(TopScreen, FitsTheTerminal) {
  const json after = page(3, 5, json::array({client("a\x1b[2J", 5, 5), client("b", 1'000, 1)}));
  const json rates = rates_between(page(1, 1), after);
  const std::string whole = top_screen({{after, rates}}, {});
  EXPECT_NE(whole.find("relaying 3"), std::string::npos) << whole;
  EXPECT_EQ(whole.find("closing"), std::string::npos) << "only who is there";
  json known = rates;
  known["loop_turn_p99"] = 0.000'42;
  EXPECT_NE(top_screen({{after, known}}, {}).find("420 us"), std::string::npos);
  EXPECT_EQ(whole.find('\x1b'), std::string::npos);
  EXPECT_LT(whole.find("\nb "), whole.find("\na?[2J")) << "who has moved more comes first";
  std::istringstream small(top_screen({{after, rates}}, {.columns = 20, .rows = 5}));
  std::size_t lines = 0;
  for (std::string line; std::getline(small, line); ++lines)
    EXPECT_LE(line.size(), 20U);
  EXPECT_EQ(lines, 5U);
  EXPECT_NE(top_screen({{after, json()}}, {}).find(" -"), std::string::npos) << "not known yet";
}

TEST(PlainWords, AreShort) {
  EXPECT_EQ(short_time_of(0), "0 us");
  EXPECT_EQ(short_time_of(0.000'42), "420 us");
  EXPECT_EQ(short_time_of(0.000'999'9), "1 ms");
  EXPECT_EQ(short_time_of(0.012'34), "12.3 ms");
  EXPECT_EQ(short_time_of(0.9999), "1.0 s");
  EXPECT_EQ(bytes_of(0), "0 B");
  EXPECT_EQ(bytes_of(999), "999 B");
  EXPECT_EQ(bytes_of(1'500), "1.5 KB");
  EXPECT_EQ(bytes_of(999'960), "1.0 MB");
  EXPECT_EQ(bytes_of(3.2e9), "3.2 GB");
  EXPECT_EQ(time_of(json(61), ""), "1 min 1 s");
  EXPECT_EQ(time_of(json(), "never"), "never");
}

}  // namespace
}  // namespace presenter::ctl
