#include "gateway/operate/log_line.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace presenter::gateway {
namespace {

std::string line_of(std::string_view message) {
  return format_line(
      {std::chrono::system_clock::time_point(std::chrono::milliseconds(1'772'366'400'123)),
       "warning", message});
}

TEST(LogLine, IsTextForPeople) {
  EXPECT_EQ(line_of("link lost"), "2026-03-01T12:00:00.123Z warning link lost\n");
  EXPECT_EQ(line_of("a\nb\x7f\tc\xc2\x9b\xc2\xa0"),
            "2026-03-01T12:00:00.123Z warning a?b??c?\xc2\xa0\n");
}

TEST(LogLine, IsOneLineOfValidUtf8WhateverItHolds) {
  std::minstd_rand random(16);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(random() % 40, ' ');
    for (char& each : bytes)
      each = static_cast<char>(random());
    const std::string line = line_of(bytes);
    ASSERT_EQ(line.find('\n'), line.size() - 1) << round;
    ASSERT_NO_THROW(static_cast<void>(nlohmann::json(line).dump())) << round;  // takes only UTF-8
  }
}

TEST(LogLine, FitsIntoAPipeAtOnce) {
  for (const std::string& endless : {std::string(100'000, '\x02'), std::string(9'000, '\xff')}) {
    const std::string line = line_of(endless);
    EXPECT_LE(line.size(), log_line_bytes_max - 3) << "<N>";
    EXPECT_THAT(line, testing::EndsWith("…\n"));
  }
}

TEST(LogLine, CutsNoCharacterInTwo) {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string wide(shift, 'x');
    for (int i = 0; i < 2'000; ++i)
      wide += "\xf0\x9f\x98\x80";
    EXPECT_THAT(line_of(wide), testing::Not(testing::HasSubstr("\xef\xbf\xbd"))) << shift;
  }
}

}  // namespace
}  // namespace presenter::gateway
