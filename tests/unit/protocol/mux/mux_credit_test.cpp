// Credit: granted when the next hop took the bytes, and never lost, whatever ends the stream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mux_pair.hpp"

namespace presenter::protocol {
namespace {

using ::testing::ElementsAre;
using testing::event_list;
using testing::frame_script;
using ::testing::IsEmpty;
using testing::mux_end;
using testing::mux_options_for;
using testing::mux_pair;

constexpr std::int32_t stream_window = 1'024;
constexpr std::int64_t link_window = 16'384;

mux_options tiny(link_role role) {
  mux_options options = mux_options_for(role);
  options.hello.stream_window_bytes = stream_window;
  options.hello.link_window_bytes = link_window;
  return options;
}

hello_frame tiny_hello() {
  return tiny(link_role::gateway).hello;
}

TEST(MuxCredit, IsGrantedOnConsumptionNotOnReceipt) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  backend->consume_at_once = false;
  backend->feed(frame_script().open(1, "k").filler(1, stream_window));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  backend->core.consumed({1}, 255);
  EXPECT_THAT(backend->written(), IsEmpty()) << "less than a quarter";
  backend->core.consumed({1}, 1);
  EXPECT_THAT(backend->written(), ElementsAre("credit 1 256"));
}

TEST(MuxCredit, IsGrantedOnceThePeerHoldsLessThanHalf) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  backend->feed(frame_script().open(1, "k").filler(1, 512));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  backend->feed(frame_script().data(1, "x"));
  EXPECT_THAT(backend->written(), ElementsAre("credit 1 513"));
}

TEST(MuxCredit, TheLinkIsGrantedByTheSameRule) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  frame_script script;
  for (int id = 1; id <= 9; ++id)
    script.open(id, "k").filler(id, 1'000);
  backend->feed(script);
  const event_list written = backend->written();
  EXPECT_EQ(written.back(), "credit 0 9000");
}

// What is read while the peer holds half or more is owed, and due when later bytes, that nobody
// reads, leave it less: there may never be another consumption.
TEST(MuxCredit, TheLinkIsGrantedWhenBytesThatNobodyReadsMakeItDue) {
  mux_options options = mux_options_for(link_role::backend);
  options.hello.stream_window_bytes = 8'192;
  options.hello.link_window_bytes = 16'384;
  auto backend = mux_end::ready(options);
  backend->feed(frame_script().open(1, "k").filler(1, 8'192).open(2, "k"));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1", "accept 2", "credit 1 8192"));
  backend->consume_at_once = false;
  backend->feed(frame_script().filler(2, 8'192));
  EXPECT_THAT(backend->written(), ElementsAre("credit 0 8192"));
}

TEST(MuxCredit, AFinishedPeerNeedsNoStreamCredit) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  backend->consume_at_once = false;
  backend->feed(frame_script().open(1, "k").filler(1, 1'000).finish(1));
  backend->core.consumed({1}, 1'000);
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
}

TEST(MuxCredit, AnOverrunOfTheStreamResetsItAndCostsTheLinkNothing) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  backend->consume_at_once = false;
  backend->feed(frame_script().open(1, "k").filler(1, 1'000).filler(1, 25));
  EXPECT_EQ(backend->told().back(), "1 reset window_exceeded by us");
  EXPECT_THAT(backend->written(), ElementsAre("accept 1", "reset 1 window_exceeded"));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 1'000);
  backend->stream(1).release();
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0) << "each byte is given back once";
  backend->feed(frame_script().filler(1, 500).reset(1));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST(MuxCredit, AnOverrunOfTheLinkEndsIt) {
  auto backend = mux_end::ready(tiny(link_role::backend));
  backend->consume_at_once = false;
  frame_script script;
  for (int id = 1; id <= 17; ++id)
    script.open(id, "k").filler(id, 1'000);
  backend->feed(script);
  EXPECT_EQ(backend->told().back(), "failed link_window_exceeded");
}

TEST(MuxCredit, OverflowOfAStreamResetsIt) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway));
  gateway->open();
  gateway->feed(frame_script().accept(1).credit(1, limits::stream_window_bytes_max));
  EXPECT_EQ(gateway->told().back(), "1 reset credit_overflow by us");
}

TEST(MuxCredit, OverflowOfTheLinkEndsIt) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway));
  gateway->feed(frame_script().link_credit(limits::link_window_bytes_max));
  EXPECT_THAT(gateway->told(), ElementsAre("failed link_credit_overflow"));
}

TEST(MuxCredit, SendingStopsAtTheStreamWindow) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway), tiny_hello());
  gateway->open();
  EXPECT_EQ(gateway->send_filler(1, 5'000), 1'024U);
  EXPECT_EQ(gateway->send_filler(1, 1), 0U);
  gateway->core.wait_writable({1});
  gateway->written();
  EXPECT_THAT(gateway->told(), IsEmpty());
  gateway->feed(frame_script().accept(1).credit(1, 256));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted", "1 writable"));
  EXPECT_EQ(gateway->send_filler(1, 5'000), 256U);
}

TEST(MuxCredit, SendingStopsAtTheLinkWindow) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway), tiny_hello());
  std::size_t sent = 0;
  for (int id = 1; id <= 17; ++id) {
    gateway->open();
    sent += gateway->send_filler(id, 1'000);
  }
  EXPECT_EQ(sent, 16'384U);
  gateway->core.wait_writable({17});
  gateway->written();
  EXPECT_THAT(gateway->told(), IsEmpty());
  gateway->feed(frame_script().link_credit(4'096));
  EXPECT_THAT(gateway->told(), ElementsAre("17 writable"));
  EXPECT_EQ(gateway->send_filler(17, 1'000), 640U);
}

// --- nothing leaks

struct ending {
  const char* name;
  std::function<void(mux_pair&, std::int64_t)> end;
};

// The backend holds unconsumed bytes of each stream, and more are in the pipe, when it ends.
TEST(MuxCredit, LinkCreditIsWholeAfterEveryKindOfEnd) {
  const ending endings[] = {
      {"gateway releases", [](mux_pair& p, std::int64_t id) { p.gateway.stream(id).release(); }},
      {"backend releases", [](mux_pair& p, std::int64_t id) { p.backend.stream(id).release(); }},
      {"gateway resets",
       [](mux_pair& p, std::int64_t id) { p.gateway.core.reset({id}, reset_reason::stalled); }},
      {"backend resets",
       [](mux_pair& p, std::int64_t id) { p.backend.core.reset({id}, reset_reason::moved); }},
      {"both reset",
       [](mux_pair& p, std::int64_t id) {
         p.gateway.core.reset({id}, reset_reason::stalled);
         p.backend.core.reset({id}, reset_reason::moved);
       }},
      {"finish and release unread",
       [](mux_pair& p, std::int64_t id) {
         p.gateway.core.finish({id});
         p.backend.core.finish({id});
       }},
      {"reset, then the reader catches up",
       [](mux_pair& p, std::int64_t id) {
         p.gateway.core.reset({id}, reset_reason::stalled);
         p.settle();
         p.backend.core.consumed({id}, p.backend.stream(id).received.size());
       }},
      {"refused late",
       [](mux_pair& p, std::int64_t id) {
         p.backend.core.refuse({{id}, refuse_reason::busy, {}, {}});
       }},
  };
  for (const ending& ending : endings) {
    SCOPED_TRACE(ending.name);
    mux_pair pair(tiny(link_role::gateway), tiny(link_role::backend));
    const bool accepts = std::string_view(ending.name) != "refused late";
    pair.backend.answer = accepts ? mux_end::open_answer::accept : mux_end::open_answer::wait;
    pair.backend.consume_at_once = pair.gateway.consume_at_once = false;
    pair.settle();
    for (std::int64_t id = 1; id <= 100; ++id) {  // leaks would add up and stop the link
      pair.gateway.open();
      EXPECT_EQ(pair.gateway.send_filler(id, 700), 700U);
      pair.settle();
      if (accepts) pair.backend.send_filler(id, 900);
      pair.settle();
      EXPECT_EQ(pair.gateway.send_filler(id, 200), 200U);
      pair.write(pair.gateway);
      ending.end(pair, id);
      pair.settle();
      pair.gateway.stream(id).release();
      if (accepts) pair.backend.stream(id).release();
      pair.settle();
      pair.expect_link_whole();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace presenter::protocol
