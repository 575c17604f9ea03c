#include "gateway/drain/drain_rule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

class DrainRule : public testing::Test {
 protected:
  using time_point = drain_rule::time_point;
  using duration = time_point::duration;

  // Clients that are closed stay away; when each of them went, since the beginning.
  std::vector<duration> close_all(std::int64_t clients, duration tick, duration for_so_long) {
    std::vector<duration> closed;
    for (duration at{}; at <= for_so_long && clients > 0; at += tick) {
      const std::int64_t taken = rule.take(clients, begun + at);
      closed.insert(closed.end(), static_cast<std::size_t>(taken), at);
      clients -= taken;
    }
    return closed;
  }

  const time_point begun{1h};
  drain_rule rule{{.quiet = 10min, .settle = 60s}, begun, 7};
};

TEST_F(DrainRule, WaitsForTheLastClientAndForQuiet) {
  rule.mark_record_removed(2, begun + 5s);
  EXPECT_FALSE(rule.is_done(2, begun + 20min)) << "they stay for as long as they like";
  EXPECT_FALSE(rule.is_done(0, begun + 10min)) << "quiet is counted from the record's removal";
  EXPECT_TRUE(rule.is_done(0, begun + 10min + 5s));
  rule.mark_arrival(begun + 9min);
  rule.mark_arrival(begun + 8min);
  EXPECT_FALSE(rule.is_done(0, begun + 18min + 59s)) << "somebody came";
  EXPECT_TRUE(rule.is_done(0, begun + 19min));
}

TEST_F(DrainRule, IsNeverDoneWhileTheRecordIsThere) {
  EXPECT_FALSE(rule.is_done(0, begun + 24h));
  EXPECT_EQ(rule.quiet_until(), std::nullopt);
  EXPECT_EQ(rule.rule_eta(0, begun + 24h), std::nullopt);
  rule.mark_record_removed(0, begun + 24h);
  EXPECT_EQ(rule.quiet_until(), begun + 24h + 10min);
}

TEST_F(DrainRule, ItsDeadlineEndsItInAnyCase) {
  rule.set_deadline(30min, begun);
  EXPECT_FALSE(rule.is_done(5, begun + 29min));
  EXPECT_TRUE(rule.is_done(5, begun + 30min)) << "the record is still there, clients too";
  rule.set_deadline(std::nullopt, begun + 30min);
  EXPECT_FALSE(rule.is_done(5, begun + 30min));
}

TEST_F(DrainRule, LeavesTimeForTheLastNotice) {
  drain_rule telling{{.quiet = 10min, .settle = 60s, .notice = 30s}, begun, 7};
  EXPECT_EQ(telling.notice(), 0s);
  telling.set_deadline(30min, begun);
  telling.mark_record_removed(5, begun);
  EXPECT_EQ(telling.notice(), 30s);
  EXPECT_EQ(telling.take(5, begun + 30min - 32s), 5);
  telling.set_deadline(40s, begun);
  EXPECT_EQ(telling.notice(), 10s) << "a quarter of it";
}

TEST_F(DrainRule, ClosesNobodyWithoutADeadline) {
  rule.mark_record_removed(1'000, begun);
  EXPECT_EQ(rule.take(1'000, begun + 10h), 0);
}

TEST_F(DrainRule, ClosesAtAnEvenPaceSoThatTheLastOneFits) {
  rule.set_deadline(10min, begun);
  rule.mark_record_removed(1'000, begun);
  const auto closed = close_all(1'000, 100ms, 10min);
  ASSERT_EQ(closed.size(), 1'000U);
  EXPECT_GE(closed.front(), 60s) << "caches may still send them here";
  EXPECT_LT(closed.back(), 10min);
  // 1,000 in 538 s: in each tenth there are 100, give or take the jitter.
  std::vector<int> parts(10);
  for (const auto at : closed)
    ++parts[std::min<std::size_t>(9, static_cast<std::size_t>((at - 60s) / 53'800ms))];
  for (const int part : parts)
    EXPECT_NEAR(part, 100, 20);
}

TEST_F(DrainRule, GapsAreNotAllAlike) {
  rule.set_deadline(1000s, begun);
  rule.mark_record_removed(10, begun);
  const auto closed = close_all(10, 100ms, 1000s);
  ASSERT_EQ(closed.size(), 10U);
  std::vector<duration> gaps;
  for (std::size_t i = 1; i < closed.size(); ++i)
    gaps.push_back(closed[i] - closed[i - 1]);
  EXPECT_NE(gaps[0], gaps[1]);
  for (const auto gap : gaps) {
    EXPECT_GE(gap, 40s);
    EXPECT_LE(gap, 145s);
  }
}

TEST_F(DrainRule, HalfOfTheTimeIsEnoughWhereTheRecordStays) {
  rule.set_deadline(10min, begun);
  const auto closed = close_all(100, 100ms, 10min);
  ASSERT_EQ(closed.size(), 100U);
  EXPECT_GE(closed.front(), 5min);
  EXPECT_LT(closed.back(), 10min);
}

TEST_F(DrainRule, ManyWhoComeLateAreClosedAsWell) {
  rule.set_deadline(100s, begun);
  rule.mark_record_removed(1, begun);
  EXPECT_EQ(rule.take(1, begun + 51s), 0);
  std::int64_t left = 1'000;
  for (duration at = 52s; at < 100s; at += 100ms)
    left -= rule.take(left, begun + at);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(rule.take(3, begun + 100s), 3) << "its time is over";
}

TEST_F(DrainRule, EstimatesByHowClientsHaveLeft) {
  rule.mark_record_removed(1'024, begun);
  EXPECT_EQ(rule.rule_eta(1'024, begun + 1min), std::nullopt) << "nobody leaves";
  EXPECT_EQ(rule.rule_eta(0, begun + 1min), begun + 10min);
  // Half of them in every ten minutes: 512 is 2^9, and half a client one halving more.
  const auto eta = rule.rule_eta(512, begun + 10min);
  ASSERT_TRUE(eta);
  EXPECT_NEAR(std::chrono::duration<double>(*eta - begun).count(), 110 * 60, 1);
  EXPECT_EQ(rule.rule_eta(1, begun + 10s), begun + 10min) << "not before it has been quiet";
}

}  // namespace
}  // namespace presenter::gateway
