// A scripted conversation cut in every possible way: at each byte, and ended after each frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/protocol/mux/conversation.hpp"

namespace presenter::protocol {
namespace {

using testing::both_roles;
using testing::conversation_with;
using testing::event_list;
using testing::frame_script;
using testing::mux_end;
using testing::talking_end;

std::vector<std::byte> whole_conversation(link_role role) {
  std::vector<std::byte> all;
  for (const auto& frame : conversation_with(role))
    all.insert(all.end(), frame.begin(), frame.end());
  return all;
}

// Shows `bytes` in pieces that end where `cuts` says; what is left of a piece is shown again.
event_list events_when_cut(link_role role, std::span<const std::byte> bytes,
                           const std::vector<std::size_t>& cuts) {
  const auto end = talking_end(role);
  std::size_t taken = 0;
  for (const std::size_t cut : cuts)
    taken += end->core.on_input(bytes.subspan(taken, cut - taken), end->now);
  EXPECT_EQ(taken, bytes.size());
  // Turns are given at the end of each call, so when they come does depend on the cut.
  event_list events = end->told();
  std::erase_if(events, [](const std::string& event) { return event.ends_with("writable"); });
  return events;
}

TEST(MuxSplit, EveryCutGivesTheSameEvents) {
  for (const link_role role : both_roles) {
    const auto bytes = whole_conversation(role);
    const event_list whole = events_when_cut(role, bytes, {bytes.size()});
    EXPECT_GT(whole.size(), 10U) << ::testing::PrintToString(whole);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
      ASSERT_EQ(events_when_cut(role, bytes, {cut, bytes.size()}), whole) << "cut at " << cut;
  }
}

TEST(MuxSplit, OneByteAtATimeGivesTheSameEvents) {
  for (const link_role role : both_roles) {
    const auto bytes = whole_conversation(role);
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut)
      cuts.push_back(cut);
    EXPECT_EQ(events_when_cut(role, bytes, cuts), events_when_cut(role, bytes, {bytes.size()}));
  }
}

// Feeds the first `frames` frames.
std::unique_ptr<mux_end> end_after(link_role role, std::size_t frames) {
  auto end = talking_end(role);
  for (std::size_t i = 0; i < frames; ++i)
    end->feed(conversation_with(role)[i]);
  return end;
}

// Every stream that was not over has been told so, once (recorded_stream counts).
void expect_all_told(const mux_end& end) {
  for (const auto& [id, stream] : end.streams)
    EXPECT_TRUE(stream->is_ended()) << "stream " << id << " was not told";
  EXPECT_EQ(end.core.streams_open(), 0U);
}

TEST(MuxSplit, TheLinkMayBeLostAfterEachFrame) {
  for (const link_role role : both_roles) {
    for (std::size_t frames = 0; frames <= conversation_with(role).size(); ++frames) {
      SCOPED_TRACE(frames);
      const auto end = end_after(role, frames);
      end->core.close();
      expect_all_told(*end);
      EXPECT_FALSE(end->failed);
    }
  }
}

TEST(MuxSplit, ThePeerMayBreakTheRulesAfterEachFrame) {
  for (const link_role role : both_roles) {
    for (std::size_t frames = 0; frames <= conversation_with(role).size(); ++frames) {
      SCOPED_TRACE(frames);
      const auto end = end_after(role, frames);
      end->feed(frame_script().body({0xec, 0, 0}));
      expect_all_told(*end);
      EXPECT_EQ(end->events.back(), "failed frame_unknown");
    }
  }
}

TEST(MuxSplit, ThePeerMayFallSilentAfterEachFrame) {
  for (const link_role role : both_roles) {
    for (std::size_t frames = 0; frames <= conversation_with(role).size(); ++frames) {
      SCOPED_TRACE(frames);
      const auto end = end_after(role, frames);
      for (int second = 0; second < 20; ++second)
        end->pass(std::chrono::seconds(1));
      expect_all_told(*end);
      EXPECT_EQ(end->events.back(), frames == 0 ? "failed hello_timeout" : "failed link_timeout");
    }
  }
}

}  // namespace
}  // namespace presenter::protocol
