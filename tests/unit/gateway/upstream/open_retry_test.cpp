#include "gateway/upstream/open_retry.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using protocol::refuse_reason;
using time_point = open_retry::clock::time_point;

constexpr time_point start{1h};

protocol::refuse_frame refused(refuse_reason reason, std::optional<std::int64_t> epoch = {},
                               std::optional<std::int32_t> retry_after_ms = {}) {
  return {protocol::stream_id{1}, reason, epoch, retry_after_ms};
}

class OpenRetry : public ::testing::Test {
 protected:
  // An Open by our map, and its refusal.
  open_step refuse(const protocol::refuse_frame& refusal) {
    retry.on_opened(map_epoch);
    return retry.on_refused(refusal, map_epoch, now, dice);
  }
  open_step wake(bool changed) { return retry.on_woken(changed, map_epoch, now); }

  open_retry::random dice{1};
  open_retry retry{start + 10s};
  std::int64_t map_epoch = 10;
  time_point now = start;
};

TEST_F(OpenRetry, WaitsForTheMapOfABackendThatIsNewer) {
  EXPECT_EQ(refuse(refused(refuse_reason::not_owner, 12)), open_step::wait_for_map);
  EXPECT_EQ(retry.wake_at(), retry.deadline());
  map_epoch = 11;
  EXPECT_EQ(wake(true), open_step::wait_for_map);
  map_epoch = 12;
  EXPECT_EQ(wake(true), open_step::open);
}

TEST_F(OpenRetry, TheMapThatDoesNotComeIsToldAsNotOwner) {
  refuse(refused(refuse_reason::not_owner, 12));
  now = retry.wake_at();
  EXPECT_EQ(wake(false), open_step::give_up);
  EXPECT_EQ(retry.reason(), close_reason::refused_not_owner);
}

TEST_F(OpenRetry, RoutesAgainAtOnceIfItsMapHasChangedMeanwhile) {
  retry.on_opened(10);
  EXPECT_EQ(retry.on_refused(refused(refuse_reason::not_owner, 12), 12, now, dice),
            open_step::open);
}

TEST_F(OpenRetry, PausesWhenBothAreEquallyOldAndDisagree) {
  EXPECT_EQ(refuse(refused(refuse_reason::not_owner, 10)), open_step::wait_for_time);
  EXPECT_EQ(refuse(refused(refuse_reason::not_owner)), open_step::wait_for_time);
  EXPECT_EQ(retry.reason(), close_reason::refused_not_owner);
}

TEST_F(OpenRetry, AnEpochOnceToldIsNotForgotten) {
  refuse(refused(refuse_reason::not_owner, 12));
  EXPECT_EQ(retry.on_refused(refused(refuse_reason::not_owner, 5), 11, now, dice),
            open_step::wait_for_map);
  map_epoch = 11;
  EXPECT_EQ(wake(true), open_step::wait_for_map);
  map_epoch = 12;
  EXPECT_EQ(wake(true), open_step::open);
}

TEST_F(OpenRetry, BusyPausesAsLongAsAskedMoreOrLess) {
  std::set<time_point> drawn;
  for (int i = 0; i < 50; ++i) {
    retry = open_retry(start + 10s);
    EXPECT_EQ(refuse(refused(refuse_reason::busy, {}, 1'000)), open_step::wait_for_time);
    EXPECT_GE(retry.wake_at(), now + 500ms);
    EXPECT_LE(retry.wake_at(), now + 1'500ms);
    drawn.insert(retry.wake_at());
  }
  EXPECT_GT(drawn.size(), 10U) << "who was refused together does not come back together";
}

TEST_F(OpenRetry, NoChangeShortensABusyPause) {
  refuse(refused(refuse_reason::busy, {}, 1'000));
  map_epoch = 11;
  EXPECT_EQ(wake(true), open_step::wait_for_time);
  now = retry.wake_at();
  EXPECT_EQ(wake(false), open_step::open);
}

TEST_F(OpenRetry, BusyThatAsksForNothingPausesLongerEachTime) {
  auto before = 0ms;
  for (const auto whole : {100ms, 200ms, 400ms, 800ms, 1'600ms, 2'000ms}) {
    ASSERT_EQ(refuse(refused(refuse_reason::busy, {}, 0)), open_step::wait_for_time);
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(retry.wake_at() - now);
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole * 3 / 2);
    before += pause;
  }
  EXPECT_GT(before, 2'500ms);
}

TEST_F(OpenRetry, APauseBeyondAllPatienceIsToldAtOnce) {
  retry = open_retry(start + 1s);
  EXPECT_EQ(refuse(refused(refuse_reason::busy, {}, 2'147'483'647)), open_step::give_up);
  EXPECT_EQ(retry.reason(), close_reason::refused_busy);
}

TEST_F(OpenRetry, WhatABackendAsksForIsBounded) {
  retry = open_retry(start + 1min);
  EXPECT_EQ(refuse(refused(refuse_reason::busy, {}, 2'147'483'647)), open_step::wait_for_time);
  EXPECT_LE(retry.wake_at(), now + open_retry::retry_after_max * 3 / 2);
  EXPECT_EQ(refuse(refused(refuse_reason::busy, {}, -5)), open_step::wait_for_time);
}

TEST_F(OpenRetry, EndsAfterSoManyAttemptsWhateverTheAnswers) {
  for (const auto reason :
       {refuse_reason::not_owner, refuse_reason::busy, refuse_reason::shutting_down}) {
    retry = open_retry(time_point::max());
    int opens = 1;
    while (refuse(refused(reason, map_epoch + 1)) != open_step::give_up) {
      ++map_epoch;
      ASSERT_LE(++opens, open_retry::opens_max);
    }
    EXPECT_EQ(opens, open_retry::opens_max);
    EXPECT_EQ(retry.reason(), close_reason_of(reason));
  }
}

TEST_F(OpenRetry, DeniedIsToldAtOnceAndSoIsAReasonOfTheFuture) {
  EXPECT_EQ(refuse(refused(refuse_reason::denied)), open_step::give_up);
  EXPECT_EQ(retry.reason(), close_reason::refused_denied);
  EXPECT_EQ(refuse(refused(static_cast<refuse_reason>(77))), open_step::give_up);
  EXPECT_EQ(retry.reason(), close_reason::refused_denied);
}

TEST_F(OpenRetry, AfterShuttingDownAnyChangeWillDoAndSoWillTime) {
  EXPECT_EQ(refuse(refused(refuse_reason::shutting_down)), open_step::wait_for_change);
  EXPECT_EQ(wake(true), open_step::open);
  EXPECT_LE(retry.wake_at(), now + open_retry::pause_first * 3 / 2);
  now = retry.wake_at();
  EXPECT_EQ(wake(false), open_step::open);
}

TEST_F(OpenRetry, ALostLinkIsNotTriedAgainWithAnotherBackendsStream) {
  retry = open_retry(start + 10s, open_from::backend);
  retry.on_opened(map_epoch);
  EXPECT_EQ(refuse(refused(refuse_reason::busy)), open_step::wait_for_time);
  EXPECT_EQ(retry.on_link_lost(now, dice), open_step::give_up);
  EXPECT_EQ(retry.reason(), close_reason::link_lost);
}

TEST_F(OpenRetry, ALostLinkIsTriedAgain) {
  retry.on_opened(map_epoch);
  EXPECT_EQ(retry.on_link_lost(now, dice), open_step::wait_for_change);
  EXPECT_EQ(retry.reason(), close_reason::backend_unreachable);
  EXPECT_EQ(wake(true), open_step::open);
}

TEST_F(OpenRetry, WithoutALinkItWaitsForOneAndSaysWhatWasMissing) {
  for (const auto why :
       {close_reason::no_shard, close_reason::backend_unreachable, close_reason::backend_full}) {
    EXPECT_EQ(retry.on_no_link(why), open_step::wait_for_change);
    EXPECT_EQ(retry.wake_at(), retry.deadline());
    EXPECT_EQ(retry.reason(), why);
  }
  EXPECT_EQ(wake(true), open_step::open);
}

TEST_F(OpenRetry, NoAnswerIsItsOwnReason) {
  refuse(refused(refuse_reason::busy));
  retry.on_opened(map_epoch);
  EXPECT_EQ(retry.reason(), close_reason::open_timeout);
}

}  // namespace
}  // namespace presenter::gateway
