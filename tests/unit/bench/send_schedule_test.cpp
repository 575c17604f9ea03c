#include "bench/load_generator/send_schedule.hpp"

#include <gtest/gtest.h>

namespace presenter::bench {
namespace {

using namespace std::chrono_literals;

const send_schedule::time begin{1h};

TEST(SendSchedule, IsDueAtEvenTimesWhateverHappensMeanwhile) {
  send_schedule schedule;
  schedule.restart(begin, 10, 0.5);
  EXPECT_FALSE(schedule.is_due(begin + 49ms));
  EXPECT_TRUE(schedule.is_due(begin + 50ms));
  // A whole second late: all ten are due, each at its own time.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(schedule.is_due(begin + 1s));
    EXPECT_EQ(schedule.next(), begin + 50ms + i * 100ms);
    schedule.advance();
  }
  EXPECT_FALSE(schedule.is_due(begin + 1s));
}

TEST(SendSchedule, CountsWhatIsOverdue) {
  send_schedule schedule;
  schedule.restart(begin, 10, 0);
  EXPECT_EQ(schedule.overdue(begin + 1s), 11U);
  schedule.advance();
  EXPECT_EQ(schedule.overdue(begin + 1s), 10U);
  EXPECT_EQ(schedule.overdue(begin), 0U);
}

TEST(SendSchedule, HasNothingDueAtRateZero) {
  send_schedule schedule;
  EXPECT_FALSE(schedule.is_due(begin));
  schedule.restart(begin, 5, 0);
  schedule.restart(begin, 0, 0);
  EXPECT_FALSE(schedule.is_due(begin + 1h));
  EXPECT_EQ(schedule.overdue(begin + 1h), 0U);
}

TEST(SendSchedule, KeepsItsRateWhenEventsComeAtRandom) {
  send_schedule schedule;
  schedule.restart(begin, 1'000, 0);
  constexpr int events = 10'000;
  for (int i = 0; i < events; ++i)
    schedule.advance_randomly((i + 0.5) / events);
  const auto mean = std::chrono::duration<double, std::milli>(schedule.next() - begin) / events;
  EXPECT_NEAR(mean.count(), 1.0, 0.01);
}

}  // namespace
}  // namespace presenter::bench
