#include "gateway/balance/shedding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr sys_ms now{std::chrono::hours(500'000)};

std::vector<load_report> fleet_of(std::initializer_list<std::int64_t> clients) {
  std::vector<load_report> reports;
  for (const std::int64_t each : clients) {
    load_report report;
    report.name = "g" + std::to_string(reports.size() + 1);
    report.clients = each;
    report.state = gateway_state::up;
    report.reported_at = now;
    report.started_at = now - minutes(10);
    reports.push_back(report);
  }
  return reports;
}

shed_plan plan_for(const std::vector<load_report>& reports, const shed_policy& policy = {}) {
  return plan_shedding(reports, policy, {}, now);
}

TEST(Shedding, IsNotForAFleetInBalance) {
  const shed_plan plan = plan_for(fleet_of({10'000, 9'000, 11'000}));
  EXPECT_THAT(plan.orders, IsEmpty());
  EXPECT_EQ(plan.eta, seconds(0));
  EXPECT_NEAR(plan.imbalance, 10'000.0 / 9'000, 1e-9);
  EXPECT_THAT(plan_for({}).orders, IsEmpty());
  EXPECT_THAT(plan_for(fleet_of({10'000})).orders, IsEmpty());
  EXPECT_THAT(plan_for(fleet_of({0, 0})).orders, IsEmpty());
}

// Ten with 11,000 and one with 0: the mean is 10,000.
TEST(Shedding, IsDoneByThoseAboveTheMean) {
  std::vector<load_report> reports(10, fleet_of({11'000})[0]);
  reports.push_back(fleet_of({0})[0]);
  const shed_plan plan = plan_for(reports);
  ASSERT_THAT(plan.orders, SizeIs(10));
  EXPECT_EQ(plan.orders[0].excess, 1'000);
  // All 110,000 in ten minutes.
  EXPECT_NEAR(plan.per_second, 110'000.0 / 600, 1e-6);
  EXPECT_NEAR(plan.orders[0].per_second, plan.per_second / 10, 1e-9);
  // Two of eleven who are closed come to the newcomer.
  ASSERT_TRUE(plan.eta);
  EXPECT_EQ(plan.eta->count(), std::lround(10'000 / (plan.per_second * 2 / 11)));
}

TEST(Shedding, IsForTheFullestToo) {
  const shed_plan plan = plan_for(fleet_of({16'000, 8'000, 8'000, 8'000}));
  ASSERT_THAT(plan.orders, SizeIs(1));
  EXPECT_EQ(plan.orders[0].name, "g1");
  EXPECT_EQ(plan.orders[0].excess, 6'000);
  EXPECT_NEAR(plan.imbalance, 1.6, 1e-9);
}

TEST(Shedding, IsSharedByWhatEachHasTooMuch) {
  const shed_plan plan = plan_for(fleet_of({13'000, 11'000, 10'000, 6'000}));
  ASSERT_THAT(plan.orders, SizeIs(2));
  EXPECT_NEAR(plan.orders[0].per_second, 3 * plan.orders[1].per_second, 1e-9);
}

TEST(Shedding, NeverExceedsTheBudgetOfHandshakes) {
  shed_policy policy;
  policy.per_second = 1e9;
  policy.gateway_budget = 100;
  const shed_plan plan = plan_for(fleet_of({20'000, 20'000, 0, 20'000}), policy);
  EXPECT_DOUBLE_EQ(plan.per_second, 200);
  // Also at the pace that it chooses.
  policy.per_second = 0;
  policy.gateway_budget = 1;
  EXPECT_DOUBLE_EQ(plan_for(fleet_of({20'000, 20'000, 0, 20'000}), policy).per_second, 2);
}

TEST(Shedding, GoesAsFastAsItIsTold) {
  shed_policy policy;
  policy.per_second = 7;
  EXPECT_DOUBLE_EQ(plan_for(fleet_of({20'000, 20'000, 0}), policy).per_second, 7);
}

// Ten clients that came as they came: 7 and 3.
TEST(Shedding, IsNotForWhatIsChance) {
  EXPECT_THAT(plan_for(fleet_of({7, 3})).orders, IsEmpty());
  EXPECT_THAT(plan_for(fleet_of({700, 300})).orders, SizeIs(1));
}

// Their record is in no cache yet, or clients are not to go there.
TEST(Shedding, WaitsForANewcomersRecordAndNotForWhoIsNotToHaveClients) {
  auto reports = fleet_of({10'000, 10'000, 0});
  reports[2].started_at = now - seconds(99);
  EXPECT_THAT(plan_for(reports).orders, IsEmpty());
  reports[2].started_at = now - seconds(100);
  EXPECT_THAT(plan_for(reports).orders, SizeIs(2));
  reports[2].state = gateway_state::draining;
  EXPECT_THAT(plan_for(reports).orders, IsEmpty());
  reports[2].state = gateway_state::up;
  reports[2].cpu = 0.95;
  EXPECT_THAT(plan_for(reports).orders, IsEmpty());
}

TEST(Shedding, HasAnEvenPaceWithJitter) {
  shed_run::time_point clock{std::chrono::hours(1)};
  shed_run run(10'000, 5);
  EXPECT_FALSE(run.next());
  run.set_pace(10, clock);
  std::int64_t closed = 0;
  for (int i = 0; i < 10; ++i) {
    clock += seconds(10);
    // A new plan with each report.
    run.set_pace(10, clock);
    closed += run.take(clock);
  }
  EXPECT_NEAR(static_cast<double>(closed), 1'000, 30);
  EXPECT_EQ(run.closed(), closed);
  ASSERT_TRUE(run.next());
  EXPECT_GE(*run.next(), clock);
  EXPECT_LE(*run.next(), clock + std::chrono::milliseconds(150));
}

TEST(Shedding, ClosesNobodyTwice) {
  shed_run::time_point clock{std::chrono::hours(1)};
  shed_run run(100, 5);
  run.set_pace(10, clock);
  clock += minutes(10);
  EXPECT_EQ(run.take(clock), 100);
  EXPECT_TRUE(run.is_exhausted());
  EXPECT_FALSE(run.next());
  EXPECT_EQ(run.take(clock + minutes(10)), 0);
}

TEST(Shedding, StopsWithoutAnOrder) {
  shed_run::time_point clock{std::chrono::hours(1)};
  shed_run run(100, 5);
  run.set_pace(10, clock);
  run.set_pace(0, clock);
  EXPECT_FALSE(run.next());
  EXPECT_EQ(run.take(clock + minutes(1)), 0);
  // What was not closed meanwhile is not made up for.
  clock += minutes(5);
  run.set_pace(10, clock);
  EXPECT_EQ(run.take(clock), 0);
}

}  // namespace
}  // namespace presenter::gateway
