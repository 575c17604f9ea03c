#include "gateway/relay/relay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/support/mux_pair.hpp"
#include "tests/unit/gateway/relay/memory_client.hpp"

namespace presenter::gateway {
namespace {

using protocol::reset_reason;
using testing::memory_client;
using testing::mux_end;
using testing::mux_options_for;
using testing::mux_pair;

constexpr const char* packet = "packet";

class Relay : public ::testing::Test {
 protected:
  void connect(std::int32_t backend_window = protocol::limits::stream_window_bytes_default) {
    auto backend_options = mux_options_for(protocol::link_role::backend);
    backend_options.hello.stream_window_bytes = backend_window;
    pair.emplace(mux_options_for(protocol::link_role::gateway), backend_options);
    settle();
  }

  void settle() {
    bool more = true;
    while (more) {
      pair->settle();
      batch.flush();
      more = pair->gateway.output_told || pair->backend.output_told;
    }
  }

  void open(std::string_view text = packet) {
    if (!pair) connect();
    client.relay = &relay;
    protocol::open_frame frame;
    frame.key = "k";
    const auto stream = pair->gateway.core.open(std::move(frame), relay);
    relay.start({std::shared_ptr<void>(), &pair->gateway.core}, stream);
    client.packet = text;
    client.accepted = false;
    client.send_packet();
  }

  void open_and_accept() {
    open();
    settle();
    ASSERT_EQ(client.told, "accepted");
  }

  testing::recorded_stream& served() { return pair->backend.stream(1); }

  // As a session does that has a reason of its own; its deadline is its own affair.
  void end_from_outside() {
    relay.abandon(reset_reason::cancelled);
    client.expect_nothing();
    expect_nothing_leaks();
  }

  // The backend releases what it has finished with, as a server would.
  void expect_nothing_leaks() {
    for (auto& [id, stream] : pair->backend.streams)
      if (!stream->is_released()) stream->release();
    settle();
    pair->expect_link_whole();
    EXPECT_EQ(metrics.streams_open.value(), 0);
    EXPECT_FALSE(relay.is_started());
    EXPECT_FALSE(client.limit_runs);
  }

  config settings;
  worker_metrics metrics;
  relay_context context{settings, metrics};
  relay_batch& batch = context.batch;
  memory_client client;
  std::optional<mux_pair> pair;
  gateway::relay relay{context, client};
};

// --- flow
// -----------------------------------------------------------------------------------------------

TEST_F(Relay, SendsThePacketFirstAndReadsTheClientOnlyAfterAccept) {
  connect();
  pair->backend.answer = mux_end::open_answer::wait;
  client.input = " and more";
  open();
  settle();
  relay.on_client_readable();
  settle();
  EXPECT_EQ(served().received, packet);
  EXPECT_EQ(client.reads, 0);

  pair->backend.core.accept(served().id);
  settle();
  EXPECT_EQ(served().received, "packet and more");
  end_from_outside();
}

TEST_F(Relay, NeverReadsTheClientWithoutCredit) {
  connect(1'024);
  pair->backend.consume_at_once = false;
  client.input = std::string(10'000, 'x');
  open_and_accept();
  EXPECT_EQ(served().received.size(), 1'024U);
  EXPECT_EQ(client.input.size(), 10'000U - (1'024U - 6U));

  const int reads = client.reads;
  relay.on_client_readable();
  settle();
  EXPECT_EQ(client.reads, reads);

  pair->backend.core.consumed(served().id, 1'024);
  settle();
  EXPECT_EQ(served().received.size(), 2'048U);
  end_from_outside();
}

TEST_F(Relay, AsksForAnotherTurnWhenItsClientHasNothingBeforeThat) {
  open_and_accept();
  client.end = client_io::again;
  relay.on_client_readable();
  EXPECT_EQ(client.wants_turn, 1);
  EXPECT_EQ(client.told, "accepted");
  client.input = " and more";
  client.end = client_io::blocked;
  relay.on_client_readable();
  settle();
  EXPECT_EQ(served().received, "packet and more");
  EXPECT_EQ(client.wants_turn, 1);
  end_from_outside();
}

TEST_F(Relay, AsksForAnotherTurnAfterItsShareEvenWhenCreditWokeIt) {
  connect(1'024 * 1'024);
  open_and_accept();
  client.input = std::string(300'000, 'x');
  relay.on_client_readable();
  EXPECT_EQ(client.wants_turn, 1);
  EXPECT_EQ(client.input.size(), 300'000U - 65'536U);
  while (!client.input.empty()) {
    const int turns = client.wants_turn;
    settle();
    relay.on_client_readable();
    ASSERT_TRUE(client.wants_turn > turns || client.input.empty());
  }
  settle();
  EXPECT_EQ(served().received.size(), 300'006U);
  end_from_outside();
}

TEST_F(Relay, HoldsAtMostTheWindowForAClientThatDoesNotRead) {
  open_and_accept();
  client.room = 0;
  const auto window = static_cast<std::size_t>(settings.upstream.stream_window_bytes);
  std::size_t sent = 0;
  for (int i = 0; i < 50; ++i) {
    sent += pair->backend.send_filler(1, 16'384);
    settle();
  }
  EXPECT_EQ(sent, window);
  EXPECT_EQ(relay.unsent().size(), window);
  EXPECT_TRUE(client.limit_runs);

  // A little taken gives no credit yet, more than half of the window does.
  client.room = 100;
  relay.on_client_writable();
  settle();
  EXPECT_EQ(pair->backend.core.sendable({1}), 0U);
  client.room = window;
  relay.on_client_writable();
  settle();
  EXPECT_EQ(client.received.size(), window);
  EXPECT_GT(pair->backend.core.sendable({1}), 0U);
  EXPECT_EQ(relay.unsent().capacity(), 0U) << "an idle client holds no buffer";
  EXPECT_FALSE(client.limit_runs);
  end_from_outside();
}

TEST_F(Relay, GathersTheFramesOfOneGulpIntoOneWrite) {
  open_and_accept();
  for (int i = 0; i < 10; ++i)
    pair->backend.send(1, "abc");
  settle();
  EXPECT_EQ(client.received.size(), 30U);
  EXPECT_EQ(client.writes, 1);
  end_from_outside();
}

TEST_F(Relay, GivesTheBackendAPacketLargerThanItsWindowPieceByPiece) {
  connect(1'024);
  const std::string large(5'000, 'p');
  client.input = "after";
  open(large);
  settle();
  EXPECT_EQ(client.told, "accepted");
  EXPECT_EQ(served().received, large + "after");
  end_from_outside();
}

// --- the end
// -----------------------------------------------------------------------------------------------

TEST_F(Relay, CarriesHalfCloseOfTheClientFirst) {
  open_and_accept();
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  EXPECT_TRUE(served().finished);
  EXPECT_TRUE(client.limit_runs);

  pair->backend.send(1, "answer");
  pair->backend.core.finish({1});
  settle();
  EXPECT_EQ(client.received, "answer");
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.told, "accepted, over client_finished");
  expect_nothing_leaks();
}

TEST_F(Relay, CarriesHalfCloseOfTheBackendFirst) {
  open_and_accept();
  pair->backend.core.finish({1});
  settle();
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.told, "accepted");

  client.input = "last words";
  relay.on_client_readable();
  settle();
  EXPECT_EQ(served().received, "packetlast words");
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  EXPECT_EQ(client.told, "accepted, over backend_finished");
  expect_nothing_leaks();
}

TEST_F(Relay, SendsCloseNotifyOnlyBehindTheLastByte) {
  open_and_accept();
  client.room = 3;
  pair->backend.send(1, "answer");
  pair->backend.core.finish({1});
  settle();
  EXPECT_FALSE(client.finished);
  client.room = 3;
  relay.on_client_writable();
  EXPECT_FALSE(client.finished) << "no room for close_notify yet";
  client.room = 1;
  relay.on_client_writable();
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.received, "answer");
  end_from_outside();
}

TEST_F(Relay, ResetsTheStreamOfATruncatedClientInsteadOfFinishingIt) {
  for (const auto& [status, told] :
       {std::pair{client_io::truncated, "accepted, over tls_truncated"},
        std::pair{client_io::reset, "accepted, over client_reset"},
        std::pair{client_io::violation, "accepted, over tls_protocol_error"}}) {
    memory_client one;
    gateway::relay its(context, one);
    pair.reset();
    connect();
    one.relay = &its;
    protocol::open_frame frame;
    frame.key = "k";
    const auto stream = pair->gateway.core.open(std::move(frame), its);
    its.start({std::shared_ptr<void>(), &pair->gateway.core}, stream);
    one.packet = packet;
    one.send_packet();
    settle();
    one.input = "x";
    one.end = status;
    its.on_client_readable();
    settle();
    EXPECT_EQ(one.told, told);
    EXPECT_FALSE(served().finished);
    EXPECT_THAT(pair->backend.events, ::testing::Contains("1 reset client_gone by peer"));
    EXPECT_EQ(metrics.streams_open.value(), 0);
  }
}

TEST_F(Relay, EndsWhenTheClientsSocketFailsWhileWriting) {
  open_and_accept();
  client.write_failure = client_io::reset;
  pair->backend.send(1, "x");
  settle();
  EXPECT_EQ(client.told, "accepted, over client_reset");
  expect_nothing_leaks();
}

TEST_F(Relay, TellsWhatTheBackendsResetComesTo) {
  open_and_accept();
  pair->backend.send(1, "last");
  pair->backend.core.reset({1}, reset_reason::moved);
  served().release();
  settle();
  EXPECT_EQ(client.told, "accepted, over stream_moved");
  expect_nothing_leaks();
}

TEST_F(Relay, TellsARefusal) {
  connect();
  pair->backend.answer = mux_end::open_answer::refuse;
  open();
  settle();
  EXPECT_EQ(client.told, "refused refused_denied");
  EXPECT_EQ(metrics.streams_refused[protocol::refuse_reason::denied].value(), 1U);
  pair->backend.streams.clear();
  expect_nothing_leaks();
}

// --- stalls
// ---------------------------------------------------------------------------------------------

TEST_F(Relay, NamesTheSideThatStalls) {
  connect(1'024);
  pair->backend.consume_at_once = false;
  client.input = std::string(10'000, 'x');
  open_and_accept();
  ASSERT_TRUE(client.limit_runs);
  relay.on_no_progress();
  settle();
  EXPECT_EQ(client.told, "accepted, over backend_stalled");
  EXPECT_THAT(pair->backend.events, ::testing::Contains("1 reset stalled by peer"));
  expect_nothing_leaks();
}

TEST_F(Relay, DoesNotTakeFurtherBytesOfTheBackendForProgressOfTheClient) {
  open_and_accept();
  client.room = 0;
  pair->backend.send(1, "a");
  settle();
  const int limits_set = client.limits_set;
  pair->backend.send(1, "b");
  settle();
  EXPECT_EQ(client.limits_set, limits_set);
  relay.on_no_progress();
  EXPECT_EQ(client.told, "accepted, over client_stalled");
  EXPECT_EQ(relay.unsent().size(), 2U);
  expect_nothing_leaks();
}

TEST_F(Relay, EndsAHalfCloseThatTheOtherSideDoesNotFollow) {
  open_and_accept();
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  relay.on_no_progress();
  EXPECT_EQ(client.told, "accepted, over half_close_timeout");
  expect_nothing_leaks();
}

// --- the link is lost
// -------------------------------------------------------------------------------

TEST_F(Relay, LetsTheSessionTryAgainWhenTheLinkIsLostBeforeAccept) {
  connect();
  pair->backend.answer = mux_end::open_answer::wait;
  open();
  settle();
  pair->gateway.core.close();
  EXPECT_EQ(client.told, "lost unaccepted");
  EXPECT_FALSE(relay.is_started());
  EXPECT_EQ(metrics.streams_open.value(), 0);

  // The same packet over another link.
  pair.reset();
  connect();
  open();
  settle();
  EXPECT_EQ(client.told, "lost unaccepted, accepted");
  EXPECT_EQ(served().received, packet);
  end_from_outside();
}

TEST_F(Relay, EndsWithALinkThatIsLostAfterAccept) {
  open_and_accept();
  pair->gateway.core.close();
  EXPECT_EQ(client.told, "accepted, over link_lost");
  EXPECT_EQ(metrics.streams_open.value(), 0);
}

// The backend has accepted, and may have answered: its work must not be done twice.
TEST_F(Relay, DoesNotRepeatAPacketThatTheBackendHasAcceptedInPart) {
  connect(1'024);
  pair->backend.consume_at_once = false;
  const std::string large(5'000, 'p');
  open(large);
  settle();
  pair->backend.send(1, "answer");
  settle();
  ASSERT_EQ(client.told, "");
  ASSERT_EQ(client.received, "answer");
  pair->gateway.core.close();
  EXPECT_EQ(client.told, "over link_lost");
}

// The opening has a deadline of the session's own.
TEST_F(Relay, LeavesTheDeadlineAloneUntilThePacketIsThrough) {
  connect(1'024);
  pair->backend.consume_at_once = false;
  const std::string large(5'000, 'p');
  client.limit_runs = true;  // of the opening
  client.room = 0;
  open(large);
  settle();
  pair->backend.send(1, "answer");
  settle();
  client.room = 100;
  relay.on_client_writable();
  EXPECT_EQ(client.received, "answer");
  EXPECT_TRUE(client.limit_runs);
  EXPECT_EQ(client.limits_set, 0);
  relay.abandon(reset_reason::cancelled);
}

TEST_F(Relay, ForgetsItsPlaceInTheBatchWhenItEnds) {
  open_and_accept();
  pair->backend.send(1, "x");
  pair->write(pair->backend);
  pair->deliver(pair->gateway);
  relay.abandon(reset_reason::client_gone);
  batch.flush();
  EXPECT_EQ(client.received, "");
  expect_nothing_leaks();
}

TEST_F(Relay, CountsBytesBothWays) {
  client.input = "12345";
  open_and_accept();
  pair->backend.send(1, "123");
  settle();
  EXPECT_EQ(metrics.relayed_bytes[relay_direction::to_backend].value(), 11U);
  EXPECT_EQ(metrics.relayed_bytes[relay_direction::to_client].value(), 3U);
  end_from_outside();
}

// The backend's fault, found here: neither its own reset nor without a name.
TEST_F(Relay, TellsARuleThatTheBackendBrokeFromAResetOfItsOwn) {
  open_and_accept();
  testing::frame_script too_much;
  for (int i = 0; i < 5; ++i)
    too_much.data(1, std::string(16'000, 'x'));
  pair->gateway.feed(too_much);
  EXPECT_EQ(client.told, "accepted, over backend_violation");
  EXPECT_EQ(client.last_cause, "window_exceeded");
}

TEST_F(Relay, PassesOnWhyTheBackendResetItsStream) {
  open_and_accept();
  pair->backend.core.reset(served().id, reset_reason::internal);
  settle();
  EXPECT_EQ(client.told, "accepted, over stream_reset_by_backend");
  EXPECT_EQ(client.last_cause, "internal");
  expect_nothing_leaks();
}

}  // namespace
}  // namespace presenter::gateway
