#include "gateway/vocabulary/close_reason.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string>

namespace presenter::gateway {
namespace {

using protocol::errc;

TEST(CloseReason, HasOneRowPerEnumeratorInOrder) {
  for (std::size_t i = 0; i < close_reason_count; ++i)
    EXPECT_EQ(close_table[i].reason, static_cast<close_reason>(i)) << close_table[i].name;
}

TEST(CloseReason, NamesAreUniqueAndFitAMetricLabel) {
  std::set<std::string_view> names;
  for (const auto& row : close_table) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " is there twice";
    EXPECT_THAT(std::string{row.name}, testing::MatchesRegex("[a-z][a-z_]*[a-z]"));
    EXPECT_FALSE(row.meaning.empty()) << row.name;
  }
}

TEST(CloseReason, AnswersNameTheirReasonFirst) {
  for (const auto& row : close_table) {
    if (!row.answer) continue;
    EXPECT_TRUE(row.answer->text.starts_with(row.name)) << row.name;
  }
}

TEST(CloseReason, AnswersEveryThriftPacketThatCannotBeServed) {
  for (auto reason = close_reason::packet_malformed; reason < close_reason::client_finished;
       reason = static_cast<close_reason>(static_cast<int>(reason) + 1))
    EXPECT_TRUE(row_of(reason).answer.has_value()) << name_of(reason);
  for (const auto reason : {close_reason::packet_timeout, close_reason::packet_truncated,
                            close_reason::packet_oversize, close_reason::packet_not_thrift})
    EXPECT_FALSE(row_of(reason).answer.has_value()) << name_of(reason);
}

TEST(CloseReason, WhatAClientCanCauseAtWillIsNotLoggedLoudly) {
  for (const auto& row : close_table) {
    if (row.blame != fault::client) continue;
    EXPECT_EQ(row.level, log_level::debug) << row.name;
  }
}

TEST(CloseReason, WhatOthersCauseIsToldUnlessACrowdWatchAddsItUp) {
  for (const auto& row : close_table) {
    if (row.blame == fault::client || row.blame == fault::none) continue;
    EXPECT_EQ(row.level == log_level::debug, row.reason == close_reason::overloaded) << row.name;
  }
}

TEST(CloseReason, EveryPacketErrorHasItsOwn) {
  std::set<close_reason> reasons;
  for (const auto code :
       {errc::packet_not_thrift, errc::packet_malformed, errc::packet_not_call, errc::packet_method,
        errc::packet_key_missing, errc::packet_key_type, errc::packet_key_size}) {
    const auto reason = close_reason_of(code);
    EXPECT_EQ(name_of(reason), protocol::name_of(code));
    reasons.insert(reason);
  }
  EXPECT_EQ(reasons.size(), 7U);
  EXPECT_EQ(close_reason_of(errc::frame_empty), close_reason::internal);
}

TEST(CloseReason, EveryRefusalHasItsOwn) {
  using protocol::refuse_reason;
  EXPECT_EQ(close_reason_of(refuse_reason::not_owner), close_reason::refused_not_owner);
  EXPECT_EQ(close_reason_of(refuse_reason::busy), close_reason::refused_busy);
  EXPECT_EQ(close_reason_of(refuse_reason::denied), close_reason::refused_denied);
  EXPECT_EQ(close_reason_of(refuse_reason::shutting_down), close_reason::backend_shutting_down);
  EXPECT_EQ(close_reason_of(static_cast<refuse_reason>(77)), close_reason::refused_denied);
}

TEST(CloseReason, TellsAMoveAndAStallFromOtherResets) {
  using protocol::reset_reason;
  EXPECT_EQ(close_reason_of(reset_reason::moved), close_reason::stream_moved);
  EXPECT_EQ(close_reason_of(reset_reason::stalled), close_reason::client_stalled);
  EXPECT_EQ(close_reason_of(reset_reason::cancelled), close_reason::stream_reset_by_backend);
  EXPECT_EQ(close_reason_of(static_cast<reset_reason>(77)), close_reason::stream_reset_by_backend);
}

TEST(CloseReason, FaultsAndLevelsHaveNames) {
  EXPECT_EQ(name_of(fault::none), "none");
  EXPECT_EQ(name_of(fault::gateway), "gateway");
  for (const auto name : log_level_names)
    EXPECT_EQ(name_of(*log_level_of(name)), name);
  EXPECT_EQ(log_level_of("loud"), std::nullopt);
}

}  // namespace
}  // namespace presenter::gateway
