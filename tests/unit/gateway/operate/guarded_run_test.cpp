#include "gateway/operate/guarded_run.hpp"

#include <gmock/gmock.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <thread>

namespace presenter::gateway {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr const char* time_and_level =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z critical ";

TEST(GuardedRun, LetsWhatEndsByItselfEnd) {
  CaptureStderr();
  EXPECT_TRUE(run_guarded("worker 0", [] {}));
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(GuardedRun, NamesTheThreadAndTheException) {
  CaptureStderr();
  EXPECT_FALSE(run_guarded("worker 3", [] { throw std::runtime_error("no more\nof this"); }));
  const std::string said = GetCapturedStderr();
  EXPECT_THAT(said, ContainsRegex(time_and_level));
  EXPECT_THAT(said, HasSubstr("worker 3: failed by an exception: no more?of this\n"));
}

TEST(GuardedRun, BearsWhatIsNoException) {
  CaptureStderr();
  EXPECT_FALSE(run_guarded("worker 3", [] { throw 7; }));
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("worker 3: failed by an exception that is no std::"));
}

TEST(GuardedRun, CutsALineThatIsTooLong) {
  CaptureStderr();
  EXPECT_FALSE(run_guarded("w", [] { throw std::runtime_error(std::string(5'000, 'x')); }));
  write_critical(std::string(5'000, 'y'), "z");
  const std::string said = GetCapturedStderr();
  EXPECT_LE(said.size(), 2'048U);
  EXPECT_EQ(std::ranges::count(said, '\n'), 2);
}

TEST(GuardedRun, HasTheFormOfTheLog) {
  set_critical_form(log_format::json, true);
  CaptureStderr();
  write_critical("worker \"3\"", "a\\b\n\xff");
  write_critical(std::string(5'000, 'y'), "z");
  const std::string said = GetCapturedStderr();
  set_critical_form(log_format::text, false);
  EXPECT_THAT(said, ContainsRegex("^<2>[{]\"time\":\"[^ \"]+Z\",\"level\":\"critical\","
                                  "\"message\":\"worker \\?3\\?: a\\?b\\?\\?\"[}]\n"));
  EXPECT_THAT(said, testing::EndsWith("yyy\"}\n"));
}

TEST(GuardedRun, NamesThreadsForTheSystem) {
  std::array<char, 16> name{};
  std::thread([&] {
    name_thread("a name of more than fifteen letters");
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  }).join();
  EXPECT_STREQ(name.data(), "a name of more ");
}

void throw_where_nobody_catches() {
  end_at_uncaught_exceptions();
  std::thread([] {
    name_thread("of a library");
    throw std::bad_alloc();
  }).join();
}

TEST(GuardedRunDeathTest, WhatNobodyCanCatchEndsTheProcessWithALine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(throw_where_nobody_catches(), testing::ExitedWithCode(1),
              "critical of a library: failed by an exception: std::bad_alloc");
}

}  // namespace
}  // namespace presenter::gateway
