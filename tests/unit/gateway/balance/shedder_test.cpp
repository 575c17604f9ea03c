// What an order makes one gateway do. The pace itself is shedding_test's.
#include "gateway/balance/shedder.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gateway/balance/cpu_average.hpp"
#include "gateway/balance/publication.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

const sys_ms now{std::chrono::hours(1)};

std::vector<load_report> fleet_of(std::int64_t first, std::int64_t second) {
  std::vector<load_report> all(2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].name = i == 0 ? "g1" : "g2";
    all[i].clients = i == 0 ? first : second;
    all[i].state = gateway_state::up;
    all[i].reported_at = now;
  }
  return all;
}

class Shedder : public ::testing::Test {
 protected:
  boost::asio::io_context control_;
  std::int64_t closed_ = 0;
  shedder shedder_{control_, "g1",         {},
                   {},       std::nullopt, [this](std::int64_t count) {
                     closed_ += count; }};
};

TEST_F(Shedder, DoesNothingThatNobodyWants) {
  EXPECT_FALSE(shedder_.step(fleet_of(1'000, 0), now));
  EXPECT_EQ(shedder_.status().per_second, 0);
  EXPECT_EQ(shedder_.status().by, "");
}

TEST_F(Shedder, AnOrderLastsUntilTheFleetIsBalanced) {
  shedder_.set_order(shed_wish{.until = 1.25, .per_second = 100});
  EXPECT_FALSE(shedder_.step(fleet_of(1'000, 0), now));
  EXPECT_EQ(shedder_.status().excess, 500);
  EXPECT_GT(shedder_.status().per_second, 0);
  while (closed_ == 0)
    control_.run_one();
  EXPECT_TRUE(shedder_.step(fleet_of(500, 500), now));
  EXPECT_EQ(shedder_.status().per_second, 0);
}

TEST_F(Shedder, AnOrderWaitsForWhoHasJustCome) {
  shedder_.set_order(shed_wish{});
  auto fleet = fleet_of(1'000, 0);
  fleet[1].started_at = now - 20s;
  EXPECT_FALSE(shedder_.step(fleet, now));
  EXPECT_EQ(shedder_.status().per_second, 0);
}

TEST_F(Shedder, WhoHasTooFewClosesNobody) {
  shedder_.set_order(shed_wish{});
  EXPECT_FALSE(shedder_.step(fleet_of(0, 1'000), now));
  EXPECT_EQ(shedder_.status().excess, 0);
  EXPECT_EQ(shedder_.status().per_second, 0);
}

TEST(ShedWish, IsReadAsItWasWritten) {
  const shed_wish wish{.until = 1.5, .per_second = 20};
  EXPECT_EQ(decode_wish(encode_wish(wish)).value(), wish);
  EXPECT_EQ(decode_wish("{}").value(), shed_wish());
  EXPECT_EQ(decode_wish("x").error(), report_errc::not_json);
  for (const char* bad : {R"({"until":1})", R"({"until":"2"})", R"({"per_second":-1})",
                          R"({"until":11})", R"({"per_second":1e9})"})
    EXPECT_EQ(decode_wish(bad).error(), report_errc::number_invalid) << bad;
}

TEST(Publication, IsReadAsItWasWritten) {
  const publication what{
      .leader = "g1", .fence = 7, .at = now, .weights = {{"g1", 0.5}, {"g2", 2}}};
  EXPECT_EQ(decode_publication(encode_publication(what)).value(), what);
  EXPECT_EQ(decode_publication("[]").error(), report_errc::not_json);
  EXPECT_EQ(decode_publication("{}").error(), report_errc::number_invalid);
}

TEST(CpuAverage, FollowsOverMinutes) {
  cpu_average average(2);
  cpu_average::time_point at{};
  auto used = 0s;
  average.note(used, at);
  for (int i = 0; i < 120; ++i) {
    used += 2s;
    at += 1s;
    average.note(used, at);
  }
  EXPECT_NEAR(average.value(), 0.63, 0.01);
  average.note(used, at);
  EXPECT_NEAR(average.value(), 0.63, 0.01);
}

}  // namespace
}  // namespace presenter::gateway
