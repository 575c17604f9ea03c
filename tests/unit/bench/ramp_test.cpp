#include "bench/load_generator/ramp.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace presenter::bench {
namespace {

using namespace std::chrono_literals;

// A server that answers `capacity` a second, and is slow when that is too little.
ramp_step served(double rate, double capacity) {
  return {.rate = rate,
          .delivered = std::min(rate, capacity),
          .p50 = 1ms,
          .p99 = rate <= capacity ? 1ms : 500ms,
          .was_generator_the_limit = false};
}

TEST(Ramp, FindsTheKneeFromBelow) {
  ramp search(100, 1.5, 0ns);
  int steps = 0;
  while (!search.is_over() && ++steps < 100)
    search.add(served(search.next_rate(), 12'345));
  EXPECT_LT(steps, 20);
  EXPECT_TRUE(search.is_knee_of_server());
  EXPECT_LE(search.knee(), 12'345);
  EXPECT_GE(search.knee(), 12'345 / 1.06);
}

TEST(Ramp, IsOverAtOnceWhenTheFirstRateIsTooMuch) {
  ramp search(100, 1.5, 0ns);
  EXPECT_EQ(search.add(served(100, 10)), step_verdict::too_few_answers);
  EXPECT_TRUE(search.is_over());
  EXPECT_EQ(search.knee(), 0);
}

TEST(Ramp, TakesTheLimitOfLatencyThatItIsGiven) {
  ramp search(100, 2, 5ms);
  EXPECT_EQ(search.add({.rate = 100, .delivered = 100, .p50 = 1ms, .p99 = 5ms}),
            step_verdict::good);
  EXPECT_EQ(search.add({.rate = 200, .delivered = 200, .p50 = 1ms, .p99 = 5'001us}),
            step_verdict::too_slow);
}

TEST(Ramp, ByItselfCallsSlowWhatIsFourTimesTheBest) {
  ramp search(100, 2, 0ns);
  EXPECT_EQ(search.add({.rate = 100, .delivered = 100, .p50 = 1ms, .p99 = 80ms}),
            step_verdict::good);
  EXPECT_EQ(search.add({.rate = 200, .delivered = 200, .p50 = 1ms, .p99 = 1ms}),
            step_verdict::good);
  EXPECT_EQ(search.add({.rate = 400, .delivered = 400, .p50 = 1ms, .p99 = 3ms}),
            step_verdict::good);
  EXPECT_EQ(search.add({.rate = 800, .delivered = 800, .p50 = 1ms, .p99 = 5ms}),
            step_verdict::too_slow);
}

TEST(Ramp, DoesNotTakeTheGeneratorsLimitForTheServers) {
  ramp search(100, 1.25, 0ns);
  while (!search.is_over()) {
    ramp_step step = served(search.next_rate(), 1'000);
    step.was_generator_the_limit = step.rate > 1'000;
    search.add(step);
  }
  EXPECT_FALSE(search.is_knee_of_server());
  EXPECT_GT(search.knee(), 900);
  EXPECT_EQ(search.why(), step_verdict::generator_was_the_limit);
}

TEST(Ramp, EndsThoughEverythingIsAnswered) {
  ramp search(1e6, 10, 0ns);
  for (int i = 0; i < 10 && !search.is_over(); ++i)
    search.add(served(search.next_rate(), 1e12));
  EXPECT_TRUE(search.is_over());
}

}  // namespace
}  // namespace presenter::bench
