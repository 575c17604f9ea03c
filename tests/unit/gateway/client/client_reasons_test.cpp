#include "gateway/client/client_reasons.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway {
namespace {

TEST(HandoffResult, NamesEveryEnd) {
  EXPECT_EQ(result_of(close_reason::stream_moved, "moved"), handoff_result::declined);
  EXPECT_EQ(result_of(close_reason::backend_shutting_down), handoff_result::declined);
  EXPECT_EQ(result_of(close_reason::stream_reset_by_backend, "internal"), handoff_result::reset);
  EXPECT_EQ(result_of(close_reason::backend_violation, "bad_state"), handoff_result::reset);
  EXPECT_EQ(result_of(close_reason::backend_violation, "position_mismatch"),
            handoff_result::position_mismatch);
  EXPECT_EQ(result_of(close_reason::backend_violation, "state_too_large"),
            handoff_result::state_too_large);
  EXPECT_EQ(result_of(close_reason::link_lost), handoff_result::link_lost);
  EXPECT_EQ(result_of(close_reason::shutting_down), handoff_result::shutting_down);
}

TEST(HandoffResult, NamesEveryWayInWhichTheNewOwnerDoesNotTakeTheStream) {
  EXPECT_EQ(result_of(close_reason::refused_denied), handoff_result::refused);
  EXPECT_EQ(result_of(close_reason::no_shard), handoff_result::no_owner);
  for (const auto reason : {close_reason::backend_unreachable, close_reason::backend_full,
                            close_reason::openings_exceeded, close_reason::open_timeout,
                            close_reason::refused_not_owner, close_reason::refused_busy})
    EXPECT_EQ(result_of(reason), handoff_result::opening_timeout) << name_of(reason);
}

TEST(HandoffResult, TakesAllElseForTheClientsOwnEnd) {
  for (const auto reason : {close_reason::client_reset, close_reason::client_stalled,
                            close_reason::client_timeout, close_reason::client_finished})
    EXPECT_EQ(result_of(reason), handoff_result::client_left) << name_of(reason);
}

}  // namespace
}  // namespace presenter::gateway
