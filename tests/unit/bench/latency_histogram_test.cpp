#include "bench/load_generator/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <memory>

namespace presenter::bench {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogram, PutsEveryValueInABucketThatEndsAtMostOneInAHundredAndTwentyEightAbove) {
  for (std::uint64_t value = 1; value < (std::uint64_t{1} << 60); value += value / 3 + 1) {
    const std::uint64_t end = latency_histogram::bucket_end(latency_histogram::bucket_of(value));
    ASSERT_GE(end, value);
    ASSERT_LE(end - value, value / 128) << value;
  }
}

TEST(LatencyHistogram, BucketsFollowEachOtherWithoutGaps) {
  for (std::size_t bucket = 0; bucket < 5'000; ++bucket) {
    const std::uint64_t end = latency_histogram::bucket_end(bucket);
    ASSERT_EQ(latency_histogram::bucket_of(end), bucket);
    ASSERT_EQ(latency_histogram::bucket_of(end + 1), bucket + 1);
  }
}

TEST(LatencyHistogram, HoldsTheLargestValue) {
  latency_histogram histogram;
  histogram.record(nanoseconds::max());
  EXPECT_EQ(histogram.percentile(100), nanoseconds::max());
}

TEST(LatencyHistogram, GivesPercentilesOfAKnownSpread) {
  latency_histogram histogram;
  for (int i = 1; i <= 1'000; ++i)
    histogram.record(std::chrono::microseconds(i));
  EXPECT_EQ(histogram.count(), 1'000U);
  const auto near = [&](double percent) {
    return static_cast<double>(histogram.percentile(percent).count()) / 1'000;
  };
  EXPECT_NEAR(near(50), 500, 4);
  EXPECT_NEAR(near(99), 990, 8);
  EXPECT_EQ(histogram.percentile(100), std::chrono::microseconds(1'000));
  EXPECT_EQ(histogram.max(), std::chrono::microseconds(1'000));
}

TEST(LatencyHistogram, IsZeroWhenEmptyAndCountsNegativeAsZero) {
  latency_histogram histogram;
  EXPECT_EQ(histogram.percentile(99), nanoseconds(0));
  histogram.record(nanoseconds(-5));
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(LatencyHistogram, MergesLikeOneThatSawEverything) {
  latency_histogram low, high;
  for (int i = 0; i < 90; ++i)
    low.record(nanoseconds(10));
  for (int i = 0; i < 10; ++i)
    high.record(nanoseconds(100));
  low.merge(high);
  EXPECT_EQ(low.count(), 100U);
  EXPECT_EQ(low.percentile(90), nanoseconds(10));
  EXPECT_EQ(low.percentile(91), nanoseconds(100));
}

TEST(LatencyHistogram, TellsWhatWasRecordedBetweenTwoLooksAtASharedOne) {
  const auto shared = std::make_unique<shared_histogram>();
  shared->record(std::chrono::milliseconds(500));
  latency_histogram before;
  before.merge(*shared);
  for (int i = 0; i < 10; ++i)
    shared->record(std::chrono::milliseconds(1));
  latency_histogram after;
  after.merge(*shared);
  EXPECT_EQ(after.count(), 11U);
  EXPECT_EQ(after.max(), std::chrono::milliseconds(500));
  const latency_histogram between = after.since(before);
  EXPECT_EQ(between.count(), 10U);
  EXPECT_NEAR(static_cast<double>(between.max().count()), 1e6, 1e6 / 128);
}

}  // namespace
}  // namespace presenter::bench
