#include "protocol/mux/link_liveness.hpp"

#include <gtest/gtest.h>

#include "protocol/limits.hpp"

namespace presenter::protocol {
namespace {

using namespace std::chrono_literals;

constexpr liveness_limits limits_of_test{
    .ping_interval = 1s, .dead_after = 5s, .hello_timeout = 3s, .stall_timeout = 8s};

class LinkLiveness : public ::testing::Test {
 protected:
  // Looks twice a second, as a loop does, for so long.
  errc pass(std::chrono::milliseconds time) {
    for (const auto end = now + time; now < end;) {
      now += 500ms;
      if (const errc found = liveness.look(link, now); found != errc{}) return found;
      if (const auto ping = liveness.take_ping()) last_ping = *ping;
    }
    return errc{};
  }

  link_liveness::time_point now{};
  link_liveness liveness{limits_of_test, now};
  link_liveness::link_moment link{.is_ready = true};
  std::int64_t last_ping = 0;
};

TEST_F(LinkLiveness, PingsOnceAfterAnIntervalOfSilence) {
  EXPECT_EQ(pass(500ms), errc{});
  EXPECT_EQ(last_ping, 0);
  EXPECT_EQ(pass(2s), errc{});
  EXPECT_EQ(last_ping, 1) << "one, however long it is unanswered";
  EXPECT_FALSE(liveness.on_pong(7));
  EXPECT_TRUE(liveness.on_pong(1));
  EXPECT_FALSE(liveness.on_pong(1)) << "answered already";
  liveness.on_received(now);
  EXPECT_EQ(pass(1s), errc{});
  EXPECT_EQ(last_ping, 2);
}

TEST_F(LinkLiveness, IsSuspectAfterTwoIntervalsAndDeadAfterItsLimit) {
  EXPECT_EQ(pass(1500ms), errc{});
  EXPECT_FALSE(liveness.is_suspect());
  EXPECT_EQ(pass(500ms), errc{});
  EXPECT_TRUE(liveness.is_suspect());
  EXPECT_TRUE(liveness.on_received(now)) << "it was suspect";
  EXPECT_FALSE(liveness.on_received(now));
  EXPECT_FALSE(liveness.is_suspect());
  EXPECT_EQ(pass(4500ms), errc{});
  EXPECT_EQ(pass(500ms), errc::link_timeout);
}

TEST_F(LinkLiveness, WaitsForHelloSoLong) {
  link.is_ready = false;
  EXPECT_EQ(pass(2500ms), errc{});
  EXPECT_EQ(last_ping, 0) << "nobody is there to answer";
  EXPECT_EQ(pass(500ms), errc::hello_timeout);
}

TEST_F(LinkLiveness, APeerThatGrantsNothingIsSuspectThenGivenUp) {
  link.lacks_credit = true;
  const auto talk = [&](std::chrono::milliseconds time) {
    for (const auto end = now + time; now < end;) {
      liveness.on_received(now);
      if (const errc found = pass(500ms); found != errc{}) return found;
    }
    return errc{};
  };
  EXPECT_EQ(talk(2s), errc{});
  EXPECT_FALSE(liveness.is_suspect());
  EXPECT_EQ(talk(500ms), errc{});
  EXPECT_TRUE(liveness.is_suspect());
  EXPECT_TRUE(liveness.on_link_credit());
  EXPECT_FALSE(liveness.is_suspect());
  EXPECT_EQ(talk(8s), errc{});
  EXPECT_EQ(talk(500ms), errc::link_stalled);
}

TEST_F(LinkLiveness, WithoutAStallLimitNobodyStarves) {
  liveness_limits patient = limits_of_test;
  patient.stall_timeout = 0s;
  link_liveness other(patient, now);
  link.lacks_credit = true;
  for (int i = 0; i < 100; ++i) {
    now += 500ms;
    other.on_received(now);
    EXPECT_EQ(other.look(link, now), errc{});
  }
  EXPECT_FALSE(other.is_suspect());
}

TEST_F(LinkLiveness, APeerThatSaidItFailsHasSoLongLeft) {
  liveness.on_failing();
  const auto talk = [&] {
    liveness.on_received(now);
    return pass(500ms);
  };
  const auto began = now;
  errc found{};
  while (found == errc{} && now < began + 2 * limits::go_away_timeout)
    found = talk();
  EXPECT_EQ(found, errc::go_away);
  EXPECT_EQ(now - began, limits::go_away_timeout);
}

TEST_F(LinkLiveness, APauseOfOurOwnCountsAsOneInterval) {
  EXPECT_EQ(pass(500ms), errc{});
  now += 1h;
  EXPECT_EQ(liveness.look(link, now), errc{});
  EXPECT_EQ(pass(3s), errc{}) << "the peer has stood still as well";
  EXPECT_EQ(pass(1s), errc::link_timeout);
}

}  // namespace
}  // namespace presenter::protocol
