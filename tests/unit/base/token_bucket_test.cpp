#include "base/token_bucket.hpp"

#include <gtest/gtest.h>

namespace presenter {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::steady_clock::time_point start{1h};

int taken(token_bucket& bucket, std::chrono::steady_clock::time_point now) {
  int count = 0;
  while (bucket.take(now))
    ++count;
  return count;
}

TEST(TokenBucket, GivesItsBurstAtOnce) {
  token_bucket bucket(10, 25);
  EXPECT_EQ(taken(bucket, start), 25);
}

TEST(TokenBucket, FillsAtItsRate) {
  token_bucket bucket(10, 25);
  taken(bucket, start);
  EXPECT_EQ(taken(bucket, start + 99ms), 0);
  EXPECT_EQ(taken(bucket, start + 100ms), 1);
  EXPECT_EQ(taken(bucket, start + 1s), 9);
}

TEST(TokenBucket, LosesNoFractionBetweenManyLooks) {
  token_bucket bucket(10, 25);
  taken(bucket, start);
  int count = 0;
  for (auto now = start; now <= start + 1s; now += 7ms)
    count += taken(bucket, now);
  EXPECT_EQ(count, 9);
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
  token_bucket bucket(10, 25);
  taken(bucket, start);
  EXPECT_EQ(taken(bucket, start + 24h * 365 * 100), 25);
}

TEST(TokenBucket, SaysWhenTheNextTokenComes) {
  token_bucket bucket(10, 25);
  taken(bucket, start);
  EXPECT_EQ(bucket.until_next(start), 100ms);
  EXPECT_FALSE(bucket.take(start + 30ms));
  EXPECT_EQ(bucket.until_next(start + 30ms), 70ms);
}

TEST(TokenBucket, SurvivesAClockThatStandsStillOrGoesBack) {
  token_bucket bucket(10, 25);
  taken(bucket, start);
  EXPECT_EQ(taken(bucket, start), 0);
  EXPECT_EQ(taken(bucket, start - 1min), 0);
  EXPECT_EQ(taken(bucket, start + 100ms), 1);
}

TEST(TokenBucket, ServesRatesAboveTheClocksResolution) {
  token_bucket bucket(std::int64_t{1} << 62, 3);
  EXPECT_EQ(taken(bucket, start), 3);
  EXPECT_EQ(taken(bucket, start + 1ns), 1);
}

}  // namespace
}  // namespace presenter
