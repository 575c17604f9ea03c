// What gateway/balance promises of a fleet, asked of the model. PRESENTER_SEED=N: with another
// seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <tuple>

#include "scenarios.hpp"

namespace presenter::tests {
namespace {

std::uint64_t first_seed() {
  const char* const text = std::getenv("PRESENTER_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

fleet_options options_of(std::size_t gateways, seconds life, seconds ttl,
                         std::uint64_t offset = 0) {
  fleet_options options;
  options.gateways = gateways;
  options.life = life;
  options.ttl = ttl;
  options.seed = first_seed() + offset;
  return options;
}

std::string text_of(const fleet_options& options) {
  return std::to_string(options.gateways) + " gateways, life " +
         std::to_string(options.life.count()) + " s, TTL " + std::to_string(options.ttl.count()) +
         " s, seed " + std::to_string(options.seed) +
         (options.has_shedding ? ", with shedding" : "");
}

// Gateways, life, TTL, shedding.
using joining = std::tuple<std::size_t, seconds, seconds, bool>;

class Joining : public ::testing::TestWithParam<joining> {
 protected:
  fleet_options options() const {
    const auto [gateways, life, ttl, has_shedding] = GetParam();
    fleet_options options = options_of(gateways, life, ttl);
    options.has_shedding = has_shedding;
    return options;
  }
};

// The bounds are those of gateway/balance/README.md. Where clients stay for ten minutes the caches'
// chance alone moves 5 % of them to and fro.
TEST_P(Joining, FillsTheNewcomerAndSwingsNobody) {
  SCOPED_TRACE(text_of(options()));
  const auto [gateways, life, ttl, has_shedding] = GetParam();
  const filling seen = join(options());
  ASSERT_TRUE(seen.half);
  ASSERT_TRUE(seen.most);
  EXPECT_LE(*seen.half, life / 3 + ttl + minute);
  EXPECT_LE(*seen.most, life * 2 / 3 + ttl + minute);
  if (has_shedding) {
    EXPECT_LE(*seen.most, 7 * minute + ttl);
  }
  const bool is_restless = life < hour;
  EXPECT_LE(seen.highest, is_restless ? 1.10 : 1.06);
  EXPECT_LE(seen.deepest_fall, is_restless ? 0.15 : 0.08);
  EXPECT_LE(seen.others_highest, 1.10);
  EXPECT_GE(seen.others_lowest, 0.90);
  EXPECT_LE(seen.closed_peak, fleet_model::gateway_budget * static_cast<double>(gateways) / 2);
}

INSTANTIATE_TEST_SUITE_P(
    Ten, Joining,
    ::testing::Combine(::testing::Values(10),
                       ::testing::Values(10 * minute, hour, 4 * hour, 12 * hour),
                       ::testing::Values(seconds(30), seconds(60), seconds(300)),
                       ::testing::Bool()));

// Where it is hardest to keep still. balance_table runs all of them.
INSTANTIATE_TEST_SUITE_P(Twenty, Joining,
                         ::testing::Combine(::testing::Values(20),
                                            ::testing::Values(10 * minute, 4 * hour),
                                            ::testing::Values(seconds(300)), ::testing::Bool()));

// With the pace that an operator could ask for at most.
TEST(Balance, SheddingKeepsToTheBudgetOfHandshakes) {
  fleet_options options = options_of(10, 4 * hour, seconds(60));
  options.has_shedding = true;
  options.shed_per_second = 1e9;
  const filling seen = join(options);
  const double budget = gateway::fleet_budget(11, fleet_model::gateway_budget);
  // Ten gateways close with jitter.
  EXPECT_LE(seen.closed_peak, budget * 1.02);
  EXPECT_GE(seen.closed_peak, budget * 0.9);
  EXPECT_LE(seen.highest, 1.06);
}

// When its record has just reached every cache, and later; with caches of several seeds; where all
// caches are honest the newcomer gets more.
TEST(Balance, AStormBringsTheNewcomerAtMostTwoAndAFifthOfTheMean) {
  for (const std::size_t gateways : {2, 10, 20}) {
    for (const seconds ttl : {seconds(30), seconds(60), seconds(300)}) {
      for (const seconds age : {ttl + seconds(45), ttl + 5 * minute, ttl + 20 * minute}) {
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
          fleet_options options = options_of(gateways, 4 * hour, ttl, seed);
          if (seed % 2 == 0) options.stubborn = options.pinned = 0;
          SCOPED_TRACE(text_of(options) + ", age " + std::to_string(age.count()) + " s");
          const storm_load seen = storm(options, age);
          EXPECT_LE(seen.newcomer, 2.2);
          EXPECT_LE(seen.newcomer_peak, 2.4);
          EXPECT_LE(seen.others_peak, 1.5);
        }
      }
    }
  }
}

TEST(Balance, ADrainingGatewayGetsOnlyWhatCachesKeepAgainstTheTtl) {
  for (const seconds ttl : {seconds(30), seconds(60), seconds(300)}) {
    const fleet_options options = options_of(10, hour, ttl);
    SCOPED_TRACE(text_of(options));
    const leaving seen = leave(options);
    EXPECT_LE(seen.after_ttl, options.stubborn + options.pinned + 0.05);
    EXPECT_LE(seen.after_hour, options.pinned + 0.05);
    EXPECT_LE(seen.others_highest, 1.08);
    EXPECT_GE(seen.others_lowest, 0.92);
  }
}

TEST(Balance, NothingMovesWhereNothingHappens) {
  for (const seconds life : {10 * minute, hour}) {
    for (const seconds ttl : {seconds(30), seconds(300)}) {
      const fleet_options options = options_of(10, life, ttl);
      SCOPED_TRACE(text_of(options));
      const spread seen = rest(options, 6 * hour, false);
      EXPECT_LE(seen.highest, 1.10);
      EXPECT_GE(seen.lowest, 0.90);
      EXPECT_LE(seen.publications, 40U);
    }
  }
}

TEST(Balance, TheOthersShareACrashedGatewaysClientsEvenly) {
  for (const seconds ttl : {seconds(30), seconds(300)}) {
    const fleet_options options = options_of(10, hour, ttl);
    SCOPED_TRACE(text_of(options));
    const spread seen = rest(options, 4 * hour, true);
    EXPECT_LE(seen.highest, 1.10);
    EXPECT_GE(seen.lowest, 0.90);
  }
}

// Where it has as many clients as it can serve. With a step at 85 %, or the way down begun at 75 %,
// it swings between 67 % and 95 % where clients stay for ten minutes and the TTL is five.
TEST(Balance, AWeakMachineSettlesWithFewerClients) {
  for (const seconds ttl : {seconds(30), seconds(300)}) {
    const fleet_options options = options_of(10, 10 * minute, ttl);
    SCOPED_TRACE(text_of(options));
    const spread seen = weak_machine(options);
    EXPECT_LE(seen.highest, 0.81);
    EXPECT_GE(seen.lowest, 0.68);
  }
}

}  // namespace
}  // namespace presenter::tests
