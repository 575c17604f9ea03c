#include "gateway/operate/log_line.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

std::string text_of(std::string_view message, std::vector<log_field> fields = {}) {
  return format_line(log_format::text, {system_clock::time_point(milliseconds(1'772'366'400'123)),
                                        "warning", message, fields});
}

std::string json_of(std::string_view message, std::vector<log_field> fields = {}) {
  return format_line(log_format::json, {system_clock::time_point(milliseconds(1'772'366'400'123)),
                                        "warning", message, fields});
}

TEST(LogLine, IsTextForPeople) {
  EXPECT_EQ(text_of("link lost"), "2026-03-01T12:00:00.123Z warning link lost\n");
  EXPECT_EQ(text_of("client closed", {{"reason", "idle"},
                                      {"cause", "the end of it"},
                                      {"none", ""},
                                      log_field::bare("port", "7")}),
            "2026-03-01T12:00:00.123Z warning client closed reason=idle cause=\"the end of it\" "
            "none=\"\" port=7\n");
  EXPECT_EQ(text_of("a\nb\x7f\tc\xc2\x9b\xc2\xa0"),
            "2026-03-01T12:00:00.123Z warning a?b??c?\xc2\xa0\n");
}

TEST(LogLine, NoTextFromOutsideCanForgeAField) {
  EXPECT_EQ(text_of("client closed", {{"name", "x\" reason=\"idle"}, {"alpn", "a=b"}, {"b", "\\"}}),
            "2026-03-01T12:00:00.123Z warning client closed name=\"x\\\" reason=\\\"idle\" "
            "alpn=\"a=b\" b=\"\\\\\"\n");
}

TEST(LogLine, IsOneJsonObjectForMachines) {
  EXPECT_EQ(
      json_of("link \"x\\y\"\n", {{"cause", "\x01"}, log_field::bare("port", "7")}),
      R"({"time":"2026-03-01T12:00:00.123Z","level":"warning","message":"link \"x\\y\"\u000a",)"
      R"("cause":"\u0001","port":7})"
      "\n");
}

TEST(LogLine, IsValidUtf8WhateverItHolds) {
  EXPECT_EQ(nlohmann::json::parse(json_of("\xc3\xa4 \xff \xc0\xaf \xed\xa0\x80 \xf0\x9f\x98"))
                .at("message"),
            "\xc3\xa4 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  std::minstd_rand random(16);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(random() % 40, ' ');
    for (char& each : bytes)
      each = static_cast<char>(random());
    const std::string line = json_of(bytes, {{"field", bytes}});
    ASSERT_EQ(line.find('\n'), line.size() - 1) << round;
    ASSERT_TRUE(nlohmann::json::accept(line)) << round;
    const std::string text = text_of(bytes, {{"field", bytes}});
    ASSERT_EQ(text.find('\n'), text.size() - 1) << round;
    ASSERT_NO_THROW(nlohmann::json(text).dump()) << round;  // valid UTF-8
  }
}

TEST(LogLine, FitsIntoAPipeAtOnce) {
  const std::string endless(100'000, '\x02');
  const std::vector<log_field> fields(30, log_field{"a_long_name", endless});
  for (const auto& line : {text_of(endless), text_of(endless, fields), json_of(endless),
                           json_of(endless, fields), json_of(std::string(9'000, '\xff'))}) {
    EXPECT_LE(line.size(), log_line_bytes_max - 3) << "<N>";
    EXPECT_THAT(line, testing::HasSubstr("…"));
    EXPECT_EQ(line.back(), '\n');
  }
  EXPECT_TRUE(nlohmann::json::accept(json_of(endless, fields)));
  EXPECT_TRUE(nlohmann::json::accept(json_of("short", fields)));
  // No character is cut in two.
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string wide(shift, 'x');
    for (int i = 0; i < 2'000; ++i)
      wide += "\xf0\x9f\x98\x80";
    EXPECT_THAT(json_of(wide), testing::Not(testing::HasSubstr("\xef\xbf\xbd"))) << shift;
    EXPECT_THAT(text_of(wide), testing::Not(testing::HasSubstr("\xef\xbf\xbd"))) << shift;
  }
}

}  // namespace
}  // namespace presenter::gateway
