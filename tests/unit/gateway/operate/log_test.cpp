#include "gateway/operate/log.hpp"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>

namespace presenter::gateway {
namespace {

// Runs `write` with a logger of this level; returns what came out at stderr.
template <class Write>
std::string logged(log_level level, Write write) {
  const auto before = spdlog::default_logger();
  testing::internal::CaptureStderr();
  init_logging(level);
  write();
  spdlog::set_default_logger(before);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, IsOneLineWithTimeAndLevel) {
  const auto text = logged(log_level::info, [] { spdlog::warn("link to {} lost", "chat2"); });
  EXPECT_THAT(text, testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                                          "\\.[0-9]{3}Z warning link to chat2 lost\n"));
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  const auto write = [] {
    spdlog::debug("quiet");
    spdlog::info("middle");
    spdlog::error("loud");
  };
  EXPECT_THAT(logged(log_level::error, write), testing::EndsWith(" error loud\n"));
  EXPECT_THAT(logged(log_level::debug, write), testing::HasSubstr(" debug quiet\n"));
}

TEST(Log, TextFromOutsideCannotForgeALine) {
  const auto text = logged(log_level::info, [] { spdlog::info("name {}", "a\nb\r\x1b[0m\x7f"); });
  EXPECT_THAT(text, testing::EndsWith(" info name a?b??[0m?\n"));
}

TEST(Log, TellsTheJournalItsPriorities) {
  const auto before = spdlog::default_logger();
  testing::internal::CaptureStderr();
  struct stat found {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &found), 0);
  const auto stream = std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  init_logging(log_level::debug, log_format::json);
  ::unsetenv("JOURNAL_STREAM");
  spdlog::debug("a");
  spdlog::info("b");
  spdlog::warn("c");
  spdlog::error("d");
  spdlog::critical("e");
  spdlog::set_default_logger(before);
  std::string priorities;
  std::istringstream lines(testing::internal::GetCapturedStderr());
  for (std::string line; std::getline(lines, line);) {
    priorities += line.substr(0, 3);
    EXPECT_EQ(line.substr(3, 9), "{\"time\":\"");
  }
  EXPECT_EQ(priorities, "<7><6><4><3><2>");
}

TEST(LogPace, AdmitsSoManyLinesInEachIntervalAndTellsWhatItHeldBack) {
  using namespace std::chrono_literals;
  std::chrono::steady_clock::time_point now{};
  log_pace pace(2, 60s);
  EXPECT_EQ(pace.admit(now), 0U);
  EXPECT_EQ(pace.admit(now + 59s), 0U);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(pace.admit(now + 59s), std::nullopt);
  EXPECT_EQ(pace.admit(now + 60s), 3U);
  EXPECT_EQ(pace.admit(now + 61s), 0U);
  EXPECT_EQ(pace.admit(now + 62s), std::nullopt);
}

}  // namespace
}  // namespace presenter::gateway
