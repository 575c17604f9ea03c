// Handlers may call back from inside every event: each action, in each event of a conversation.
// What is asserted is little (the credit is whole, the promises of stream_handler hold); what is
// tested is mostly that the address sanitizer stays silent.
#include <gtest/gtest.h>

#include "tests/unit/protocol/mux/conversation.hpp"

namespace presenter::protocol {
namespace {

using testing::answer_events;
using testing::both_roles;
using testing::conversation_with;
using testing::frame_script;
using testing::mux_end;
using testing::recorded_stream;
using testing::talking_end;

using action = void (*)(mux_end&);

void on_each(mux_end& end, void (*act)(mux_end&, recorded_stream&)) {
  // By index: acting may open streams.
  for (std::int64_t id = 1; id <= 8; ++id) {
    const auto found = end.streams.find(id);
    if (found != end.streams.end() && !found->second->is_released()) act(end, *found->second);
  }
}

struct named_action {
  const char* name;
  action act;
};

const named_action actions[] = {
    {"release all",
     [](mux_end& end) { on_each(end, [](mux_end&, recorded_stream& s) { s.release(); }); }},
    {"reset all",
     [](mux_end& end) {
       on_each(end,
               [](mux_end& e, recorded_stream& s) { e.core.reset(s.id, reset_reason::internal); });
     }},
    {"finish all",
     [](mux_end& end) {
       on_each(end, [](mux_end& e, recorded_stream& s) { e.core.finish(s.id); });
     }},
    {"finish and release all",
     [](mux_end& end) {
       on_each(end, [](mux_end& e, recorded_stream& s) {
         e.core.finish(s.id);
         s.release();
       });
     }},
    {"send on all",
     [](mux_end& end) {
       on_each(end, [](mux_end& e, recorded_stream& s) { e.send_filler(s.id.value, 5'000); });
     }},
    {"wait on all",
     [](mux_end& end) {
       on_each(end, [](mux_end& e, recorded_stream& s) { e.core.wait_writable(s.id); });
     }},
    {"refuse all",
     [](mux_end& end) {
       if (end.role == link_role::gateway) return;
       on_each(end, [](mux_end& e, recorded_stream& s) {
         e.core.refuse({s.id, refuse_reason::busy, {}, {}});
       });
     }},
    {"open",
     [](mux_end& end) {
       if (end.core.can_open()) end.open();
     }},
    {"go away", [](mux_end& end) { end.core.go_away(std::chrono::milliseconds(5)); }},
    {"close", [](mux_end& end) { end.core.close(); }},
};

// Acts in event number `at`, and returns whether there was such an event.
bool converse(link_role role, mux_end::open_answer answer, std::size_t at, action act) {
  const auto end = talking_end(role);
  end->consume_at_once = false;
  end->answer = answer;
  std::size_t events = 0;
  end->during = [&, raw = end.get()](std::string_view event) {
    if (event == "output") return;  // on_output does not call back
    answer_events(*raw, event);
    if (events++ == at) act(*raw);
  };
  for (const auto& frame : conversation_with(role)) {
    end->feed(frame);
    end->written();
  }
  on_each(*end, [](mux_end&, recorded_stream& s) { s.release(); });
  end->written();
  // The gateway of the conversation never answers the last Resets; nothing else may be left.
  if (!end->core.is_over()) {
    EXPECT_EQ(end->core.link_bytes_buffered(), 0);
  }
  return events > at;
}

TEST(MuxReentrancy, EachActionInEachEvent) {
  for (const link_role role : both_roles) {
    for (const auto answer :
         {mux_end::open_answer::accept, mux_end::open_answer::wait, mux_end::open_answer::refuse}) {
      for (const named_action& action : actions) {
        SCOPED_TRACE(action.name);
        std::size_t at = 0;
        while (converse(role, answer, at, action.act) && !HasFailure())
          ++at;
        EXPECT_GT(at, 2U);
      }
    }
  }
}

TEST(MuxReentrancy, AStreamReleasedInsideOnOpenIsOver) {
  auto backend = mux_end::ready(testing::mux_options_for(link_role::backend));
  backend->during = [&](std::string_view event) {
    if (event.starts_with("open")) backend->stream(1).release();
  };
  backend->feed(frame_script().open(1, "k").data(1, "x").finish(1));
  EXPECT_EQ(backend->core.streams_open(), 0U);
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
}

TEST(MuxReentrancy, AStreamWhoseOnOpenClosesTheLinkIsToldSo) {
  auto backend = mux_end::ready(testing::mux_options_for(link_role::backend));
  backend->during = [&](std::string_view event) {
    if (event.starts_with("open")) backend->core.close();
  };
  backend->feed(frame_script().open(1, "k"));
  EXPECT_TRUE(backend->stream(1).is_ended());
}

}  // namespace
}  // namespace presenter::protocol
