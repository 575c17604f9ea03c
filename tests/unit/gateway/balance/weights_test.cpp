#include "gateway/balance/weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr sys_ms weighed_at{std::chrono::hours(500'000)};

load_report report_of(std::int64_t clients, gateway_state state = gateway_state::up) {
  static int number = 0;
  return {.name = "g" + std::to_string(++number),
          .addresses = {"192.0.2.1"},
          .clients = clients,
          .clients_max = 1'000'000,
          .cpu = 0.2,
          .descriptors = 0.1,
          .handshake_backlog = 0,
          .state = state,
          .weight = 1,
          .reported_at = weighed_at - seconds(1),
          .started_at = weighed_at - minutes(10)};
}

std::vector<load_report> fleet_with(std::initializer_list<std::int64_t> clients) {
  std::vector<load_report> reports;
  for (const std::int64_t each : clients)
    reports.push_back(report_of(each));
  return reports;
}

std::vector<double> weights_of(const std::vector<load_report>& reports) {
  std::vector<double> weights;
  for (const auto& each : weigh(reports, {}, weighed_at))
    weights.push_back(each.weight);
  return weights;
}

std::vector<weight_reason> reasons_of(const std::vector<load_report>& reports) {
  std::vector<weight_reason> reasons;
  for (const auto& each : weigh(reports, {}, weighed_at))
    reasons.push_back(each.reason);
  return reasons;
}

double sum_of(const std::vector<double>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

TEST(Weights, AreEvenWhereTheClientsAre) {
  EXPECT_THAT(weights_of(fleet_with({500, 500, 500})), Each(1.0));
  EXPECT_THAT(weights_of(fleet_with({0, 0})), Each(1.0));
  EXPECT_THAT(weights_of(fleet_with({7})), ElementsAre(1.0));
  EXPECT_TRUE(weigh({}, {}, weighed_at).empty());
}

// w = 1 + 2 · (mean − clients) / mean
TEST(Weights, FollowTheDistanceFromTheMean) {
  const auto weights = weights_of(fleet_with({900, 1'000, 1'100, 1'000}));
  EXPECT_DOUBLE_EQ(weights[0], 1.2);
  EXPECT_DOUBLE_EQ(weights[1], 1.0);
  EXPECT_DOUBLE_EQ(weights[2], 0.8);
}

TEST(Weights, HaveAFloorAndACeiling) {
  const auto weights = weights_of(fleet_with({2'000, 1'000, 1'000, 1'000, 0, 1'000}));
  EXPECT_DOUBLE_EQ(weights[0], 0.1);
  EXPECT_DOUBLE_EQ(weights[4], 2.0);
  weight_policy policy;
  policy.floor = 0.3;
  EXPECT_DOUBLE_EQ(
      weigh(fleet_with({2'000, 1'000, 1'000, 1'000, 0, 1'000}), policy, weighed_at)[0].weight, 0.3);
}

// Whatever the fleet: two full ones have the floor, and would leave 91 % to the third.
TEST(Weights, GiveNobodyMoreThanTwiceAnEvenShare) {
  for (std::size_t count = 2; count <= 40; ++count) {
    for (std::size_t newcomers = 1; newcomers < count; ++newcomers) {
      std::vector<load_report> reports;
      for (std::size_t i = 0; i < count; ++i)
        reports.push_back(report_of(i < newcomers ? 0 : 45'000));
      const auto weights = weights_of(reports);
      EXPECT_LE(weights[0] / sum_of(weights), 2.0 / static_cast<double>(count) + 1e-9)
          << newcomers << " newcomers among " << count;
      EXPECT_LE(weights[0], 2 + 1e-9);
      EXPECT_GE(weights.back(), 0.1);
    }
  }
  const auto three = weights_of(fleet_with({1'000, 1'000, 0}));
  EXPECT_THAT(three, Pointwise(DoubleNear(1e-9), {0.5, 0.5, 2.0}));
}

TEST(Weights, GiveTwiceAnEvenShareAlsoBesideManyWhoAreSlow) {
  std::vector<load_report> reports = fleet_with({0, 1'000, 1'000, 1'000, 1'000, 1'000});
  for (std::size_t i = 1; i < reports.size(); ++i)
    reports[i].cpu = 0.9;
  const auto weights = weights_of(reports);
  EXPECT_NEAR(weights[0] / sum_of(weights), 2.0 / 6, 1e-9);
}

TEST(Weights, FallToTheFloorWhereAGatewayIsSlow) {
  const auto slow = [](auto change) {
    std::vector<load_report> reports = fleet_with({100, 100, 100, 100});
    change(reports[0]);
    return weigh(reports, {}, weighed_at)[0];
  };
  for (const auto& weight : {slow([](load_report& report) { report.cpu = 0.86; }),
                             slow([](load_report& report) { report.descriptors = 0.99; }),
                             slow([](load_report& report) { report.clients_max = 110; }),
                             slow([](load_report& report) { report.clients_max = 50; })}) {
    EXPECT_DOUBLE_EQ(weight.weight, 0.1);
    EXPECT_EQ(weight.reason, weight_reason::slow);
  }
  // Half way down, and not on the way yet.
  EXPECT_NEAR(slow([](load_report& report) { report.cpu = 0.725; }).weight, 0.55, 1e-9);
  EXPECT_DOUBLE_EQ(slow([](load_report& report) { report.cpu = 0.6; }).weight, 1);
  // Not known.
  EXPECT_DOUBLE_EQ(slow([](load_report& report) { report.clients_max = 0; }).weight, 1);
}

TEST(Weights, AreNoneForWhoIsNotToHaveARecord) {
  std::vector<load_report> reports = fleet_with({100, 100, 100, 100, 100, 100});
  reports[1].state = gateway_state::draining;
  reports[2].state = gateway_state::drained;
  reports[3].state = gateway_state::unready;
  reports[4].started_at = weighed_at - milliseconds(9'999);
  reports[4].weight = 0;
  reports[5].reported_at = weighed_at - milliseconds(180'001);
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 0, 0, 0, 0, 0));
  EXPECT_THAT(reasons_of(reports), ElementsAre(weight_reason::by_clients, weight_reason::draining,
                                               weight_reason::drained, weight_reason::unready,
                                               weight_reason::starting, weight_reason::expired));
}

// Their clients are nobody's measure: they are about to come to the others.
TEST(Weights, ComeFromTheMeanOfThoseWhoHaveARecord) {
  std::vector<load_report> reports = fleet_with({100, 100, 100'000});
  reports[2].state = gateway_state::draining;
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 1, 0));
}

TEST(Weights, BeginAndEndAtTheSecond) {
  std::vector<load_report> reports = fleet_with({100, 100});
  reports[0].started_at = weighed_at - seconds(10);
  reports[1].reported_at = weighed_at - minutes(3);
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 1));
}

// A whole fleet has just begun. The first to be no longer new may be the first to end.
TEST(Weights, StayWithWhoHasARecordWhenAnotherIsNoLongerNew) {
  std::vector<load_report> reports = fleet_with({100, 100, 100});
  reports[1].started_at = reports[2].started_at = weighed_at - seconds(5);
  reports[2].weight = 0;
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 1, 0));
  reports[0].started_at = weighed_at - milliseconds(9'999);
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 1, 1)) << "nobody else may have one";
}

TEST(Weights, StayWithWhoIsNotReadyYetWhenNobodyElseHasBeenForLong) {
  std::vector<load_report> reports = fleet_with({100, 100, 100});
  reports[1].state = reports[2].state = gateway_state::unready;
  reports[2].weight = 0;
  weight_policy policy;
  policy.keeps_unready = true;
  const auto kept = weigh(reports, policy, weighed_at);
  EXPECT_DOUBLE_EQ(kept[1].weight, 1);
  EXPECT_EQ(kept[1].reason, weight_reason::last_one);
  EXPECT_EQ(kept[2].weight, 0) << "it has none to keep";
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 0, 0)) << "somebody has been fit for long";
}

TEST(Weights, AreNeverAllZero) {
  constexpr std::array states{gateway_state::up, gateway_state::draining, gateway_state::drained,
                              gateway_state::unready};
  // Every pair of a state and an age.
  for (int i = 0; i < 256; ++i) {
    std::vector<load_report> reports = fleet_with({100, 0});
    for (std::size_t k = 0; k < 2; ++k) {
      const int kind = k == 0 ? i % 16 : i / 16;
      reports[k].state = states[static_cast<std::size_t>(kind % 4)];
      if ((kind / 4) % 2 == 1) reports[k].started_at = weighed_at;
      if (kind / 8 == 1) reports[k].reported_at = weighed_at - minutes(10);
    }
    EXPECT_GT(sum_of(weights_of(reports)), 0) << i;
  }
}

TEST(Weights, StayWithAllWhenNobodyIsReady) {
  std::vector<load_report> reports = fleet_with({100, 100, 100});
  for (load_report& each : reports)
    each.state = gateway_state::unready;
  reports[2].state = gateway_state::draining;
  EXPECT_THAT(weights_of(reports), ElementsAre(1, 1, 0));
  EXPECT_EQ(reasons_of(reports)[0], weight_reason::last_one);
}

// With both in DNS neither would ever end; and whoever is out already must not come back.
TEST(Weights, StayWithOneOfThoseWhoAllDrain) {
  std::vector<load_report> reports = fleet_with({100, 100, 100});
  for (load_report& each : reports)
    each.state = gateway_state::draining;
  reports[0].weight = 0;
  reports[1].weight = 0.9;
  reports[2].weight = 0;
  EXPECT_THAT(weights_of(reports), ElementsAre(0, 1, 0));
  reports[1].weight = 0;
  EXPECT_DOUBLE_EQ(sum_of(weights_of(reports)), 1);
}

}  // namespace
}  // namespace presenter::gateway
