#include "gateway/balance/publish_pace.hpp"

#include <gtest/gtest.h>

#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

publish_result failed(publish_errc error) {
  return {.error = error, .text = "", .retry_after = {}, .changed = 0};
}

// A pace, and a clock that goes by hand.
class PublishPace : public ::testing::Test {
 protected:
  bool is_due() const { return pace.next() && *pace.next() <= now; }
  dns_state publish(const publish_result& result = {}) {
    dns_state sent = pace.begin(now);
    EXPECT_FALSE(pace.next()) << "one at a time";
    pace.end(result, now);
    return sent;
  }

  publish_pace::time_point now{std::chrono::hours(1)};
  publish_pace pace{pace_policy{}, 1};
};

TEST_F(PublishPace, HasNothingToSayAtFirst) {
  EXPECT_FALSE(pace.next());
}

TEST_F(PublishPace, PublishesTheFirstStateAtOnce) {
  pace.want(state_of({{"g1", 1}}));
  EXPECT_TRUE(is_due());
  EXPECT_EQ(publish(), state_of({{"g1", 1}}));
  EXPECT_EQ(pace.published(), state_of({{"g1", 1}}));
  EXPECT_FALSE(pace.next());
}

TEST_F(PublishPace, WaitsForTheIntervalAndSendsTheNewestOnly) {
  pace.want(state_of({{"g1", 1}}));
  publish();
  now += seconds(10);
  pace.want(state_of({{"g1", 1}, {"g2", 1}}));
  EXPECT_EQ(pace.next(), now + seconds(20));
  pace.want(state_of({{"g1", 1}, {"g2", 1.5}}));
  EXPECT_FALSE(is_due());
  now += seconds(20);
  EXPECT_TRUE(is_due());
  EXPECT_EQ(publish(), state_of({{"g1", 1}, {"g2", 1.5}}));
}

TEST_F(PublishPace, PublishesAtOnceAfterAQuietTime) {
  pace.want(state_of({{"g1", 1}}));
  publish();
  now += seconds(30);
  pace.want(state_of({{"g1", 1}, {"g2", 1}}));
  EXPECT_TRUE(is_due());
}

// Clients would be sent to a gateway that has gone.
TEST_F(PublishPace, RemovesAtOnce) {
  pace.want(state_of({{"g1", 1}, {"g2", 1}}));
  publish();
  pace.want(state_of({{"g1", 1}}));
  EXPECT_TRUE(is_due());
  publish();
  // The same gateway at another address.
  dns_state moved = state_of({{"g1", 1}});
  moved.records[0].address = boost::asio::ip::make_address("192.0.2.99");
  pace.want(moved);
  EXPECT_TRUE(is_due());
}

TEST_F(PublishPace, LeavesSmallChangesForLargerOnes) {
  pace.want(state_of({{"g1", 1}, {"g2", 1}, {"g3", 1}}));
  publish();
  now += std::chrono::hours(1);
  pace.want(state_of({{"g1", 1.09}, {"g2", 0.91}, {"g3", 1}}));
  EXPECT_FALSE(pace.next());
  pace.want(state_of({{"g1", 1.09}, {"g2", 0.91}, {"g3", 0.9}}));
  EXPECT_TRUE(is_due());
  // Only what makes a difference is sent.
  EXPECT_EQ(publish(), state_of({{"g1", 1}, {"g2", 1}, {"g3", 0.9}}));
  // Small steps are measured from what is published, so they do not add up unseen.
  pace.want(state_of({{"g1", 1.11}, {"g2", 1}, {"g3", 0.9}}));
  EXPECT_TRUE(pace.next());
}

TEST_F(PublishPace, TriesAgainLaterAndLaterWithTheNewestState) {
  pace.want(state_of({{"g1", 1}}));
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(is_due());
    publish(failed(publish_errc::unreachable));
    ASSERT_TRUE(pace.next());
    const auto wait = std::chrono::duration_cast<milliseconds>(*pace.next() - now);
    EXPECT_GE(wait, milliseconds(500));
    EXPECT_LE(wait, seconds(60));
    if (i > 8) {
      EXPECT_GE(wait, seconds(30));
    }
    now = *pace.next();
  }
  pace.want(state_of({{"g2", 1}}));
  EXPECT_EQ(publish(), state_of({{"g2", 1}}));
  // It works again: a failure waits shortly.
  pace.want(state_of({{"g3", 1}}));
  publish(failed(publish_errc::busy));
  EXPECT_LE(*pace.next() - now, seconds(1));
}

// A service that asks us to wait is not asked for removals either.
TEST_F(PublishPace, WaitsAsLongAsTheServiceAsksWithinReason) {
  pace.want(state_of({{"g1", 1}}));
  publish_result result = failed(publish_errc::throttled);
  result.retry_after = seconds(20);
  publish(result);
  pace.want(state_of({{"g2", 1}}));
  EXPECT_EQ(pace.next(), now + seconds(20));
  now += seconds(20);
  result.retry_after = std::chrono::hours(48);
  publish(result);
  EXPECT_EQ(pace.next(), now + std::chrono::minutes(5));
}

// Half of it may be there.
TEST_F(PublishPace, BelievesNothingAfterAFailure) {
  pace.want(state_of({{"g1", 1}}));
  publish();
  now += seconds(60);
  pace.want(state_of({{"g1", 1.5}}));
  publish(failed(publish_errc::timed_out));
  EXPECT_FALSE(pace.published());
  pace.want(state_of({{"g1", 1}}));
  ASSERT_TRUE(pace.next()) << "although that was published once";
}

TEST_F(PublishPace, SendsAllAgainWhenSomebodyElseMayHavePublished) {
  pace.want(state_of({{"g1", 1}}));
  publish();
  pace.forget();
  EXPECT_TRUE(is_due());
  pace.begin(now);
  pace.forget();
  pace.end({}, now);
  EXPECT_TRUE(is_due()) << "what was under way does not count";
  publish();
  EXPECT_FALSE(pace.next());
}

TEST_F(PublishPace, NeverPublishesAnEmptyState) {
  pace.want(state_of({{"g1", 1}}));
  publish();
  pace.want(state_of({}));
  EXPECT_FALSE(pace.next());
}

TEST_F(PublishPace, PublishesAnotherTtlAtOnce) {
  dns_state state = state_of({{"g1", 1}});
  pace.want(state);
  publish();
  state.ttl = seconds(300);
  pace.want(state);
  EXPECT_TRUE(is_due());
}

}  // namespace
}  // namespace presenter::gateway
