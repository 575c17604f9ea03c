// A relay whose stream goes from one backend to another: two links in memory, one client.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "gateway/relay/relay.hpp"
#include "tests/support/mux_pair.hpp"
#include "tests/unit/gateway/relay/memory_client.hpp"

namespace presenter::gateway {
namespace {

using protocol::checkpoint_frame;
using protocol::reset_reason;
using testing::memory_client;
using testing::mux_options_for;
using testing::mux_pair;

protocol::mux_options with_handoff(protocol::link_role role) {
  auto options = mux_options_for(role);
  options.hello.features = protocol::features::handoff;
  if (role == protocol::link_role::gateway) options.hello.deposit_bytes_max = 256;
  return options;
}

class RelayHandoff : public ::testing::Test {
 protected:
  RelayHandoff() {
    settle();
    client.relay = &relay;
    protocol::open_frame frame;
    frame.key = "k";
    const auto stream = older.gateway.core.open(std::move(frame), relay);
    relay.start({std::shared_ptr<void>(), &older.gateway.core}, stream);
    client.send_packet();
    settle();
  }

  void settle() {
    for (bool more = true; more;) {
      older.settle();
      newer.settle();
      context.batch.flush();
      more = older.gateway.output_told || older.backend.output_told || newer.gateway.output_told ||
             newer.backend.output_told;
    }
  }

  void client_sends(std::string_view text) {
    client.input += text;
    relay.on_client_readable();
    settle();
  }

  void hand_off() {
    relay.hand_off(protocol::handoff_reason::rebalanced, 7, std::chrono::seconds(5));
    settle();
  }

  // The old backend's application has taken all it was sent.
  void give_up(std::int64_t produced, bool is_finished = false) {
    checkpoint_frame last;
    last.stream = {1};
    last.consumed = static_cast<std::int64_t>(older.backend.stream(1).received.size());
    last.produced = produced;
    last.state = "state";
    last.last = true;
    last.finished = is_finished;
    given = last;
    ASSERT_TRUE(older.backend.core.submit_checkpoint(last));
    settle();
  }

  void deposit(std::int64_t consumed, std::int64_t produced, bool is_flushed = true) {
    checkpoint_frame left;
    left.stream = {1};
    left.consumed = consumed;
    left.produced = produced;
    left.state = "deposited";
    given = left;
    ASSERT_TRUE(older.backend.core.submit_checkpoint(left));
    older.settle();
    if (is_flushed) settle();
  }

  // As a session does, once all rest is sent.
  void go_on() {
    protocol::open_frame frame;
    frame.key = "k";
    frame.continued = protocol::continued_from{};
    client.accepted = false;
    const auto stream = newer.gateway.core.open_continued(std::move(frame), given, relay);
    relay.start({std::shared_ptr<void>(), &newer.gateway.core}, stream);
    settle();
  }

  config settings;
  worker_metrics metrics;
  relay_context context{settings, metrics};
  memory_client client;
  mux_pair older{with_handoff(protocol::link_role::gateway),
                 with_handoff(protocol::link_role::backend)};
  mux_pair newer{with_handoff(protocol::link_role::gateway),
                 with_handoff(protocol::link_role::backend)};
  gateway::relay relay{context, client};
  checkpoint_frame given;
};

TEST_F(RelayHandoff, ReadsNothingFromTheClientUntilTheNewBackendHasAccepted) {
  client_sends("before");
  hand_off();
  client_sends("meanwhile");
  EXPECT_EQ(older.backend.stream(1).received, "before");
  give_up(0);
  EXPECT_EQ(client.told, "accepted, given up, rest sent");
  client_sends(", still");
  EXPECT_EQ(client.input, "meanwhile, still");
  go_on();
  EXPECT_EQ(newer.backend.stream(1).received, "meanwhile, still");
  client_sends(", after");
  EXPECT_EQ(newer.backend.stream(1).received, "meanwhile, still, after");
}

TEST_F(RelayHandoff, SendsAllOfTheOldBackendBeforeItSaysSo) {
  hand_off();
  client.room = 3;
  older.backend.send(1, "answer");
  settle();
  give_up(6);
  EXPECT_EQ(client.received, "ans");
  EXPECT_EQ(client.told, "accepted, given up");
  client.room = 100;
  relay.on_client_writable();
  EXPECT_EQ(client.received, "answer");
  EXPECT_EQ(client.told, "accepted, given up, rest sent");
  go_on();
  newer.backend.send(1, " and more");
  settle();
  EXPECT_EQ(client.received, "answer and more");
}

TEST_F(RelayHandoff, GivesTheLinkItsCreditBackForWhatTheClientHadNotTaken) {
  client.room = 0;
  older.backend.send_filler(1, 16'000);
  settle();
  hand_off();
  give_up(16'000);
  client.room = 100'000;
  relay.on_client_writable();
  EXPECT_EQ(client.received.size(), 16'000U);
  older.backend.stream(1).release();
  settle();
  older.expect_link_whole();
}

TEST_F(RelayHandoff, CarriesTheEndOfAClientThatHadFinishedBefore) {
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  EXPECT_TRUE(older.backend.stream(1).finished);
  hand_off();
  give_up(0);
  go_on();
  EXPECT_TRUE(newer.backend.stream(1).finished);
  newer.backend.send(1, "last");
  newer.backend.core.finish({1});
  settle();
  EXPECT_EQ(client.received, "last");
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.told, "accepted, given up, rest sent, accepted, over client_finished");
}

TEST_F(RelayHandoff, CarriesTheEndOfAClientThatFinishesMeanwhile) {
  hand_off();
  client.input = "last words";
  give_up(0);
  client.end = client_io::finished;
  relay.on_client_readable();
  go_on();
  EXPECT_EQ(newer.backend.stream(1).received, "last words");
  EXPECT_TRUE(newer.backend.stream(1).finished);
}

TEST_F(RelayHandoff, CarriesTheEndOfABackendThatHadFinished) {
  older.backend.send(1, "answer");
  older.backend.core.finish({1});
  settle();
  EXPECT_TRUE(client.finished);
  hand_off();
  give_up(6, true);
  go_on();
  client_sends("question");
  EXPECT_EQ(newer.backend.stream(1).received, "question");
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  EXPECT_EQ(client.told, "accepted, given up, rest sent, accepted, over backend_finished");
}

TEST_F(RelayHandoff, TellsABackendThatWouldRatherReset) {
  hand_off();
  older.backend.core.reset({1}, reset_reason::moved);
  settle();
  EXPECT_EQ(client.told, "accepted, over stream_moved");
}

TEST_F(RelayHandoff, TellsABackendThatHasLostItsPlace) {
  hand_off();
  give_up(5);
  EXPECT_EQ(client.told, "accepted, over backend_violation");
  EXPECT_EQ(client.last_cause, "position_mismatch");
}

TEST_F(RelayHandoff, TellsALinkThatBreaks) {
  hand_off();
  older.gateway.core.close();
  EXPECT_EQ(client.told, "accepted, over link_lost");
}

TEST_F(RelayHandoff, TellsANewLinkThatBreaksBeforeAcceptSoThatAnotherIsTried) {
  newer.backend.answer = testing::mux_end::open_answer::wait;
  hand_off();
  give_up(0);
  go_on();
  newer.gateway.core.close();
  EXPECT_EQ(client.told, "accepted, given up, rest sent, lost unaccepted");
}

TEST_F(RelayHandoff, EndsWithAClientThatFailsMeanwhile) {
  hand_off();
  client.write_failure = client_io::reset;
  older.backend.send(1, "answer");
  settle();
  EXPECT_EQ(client.told, "accepted, over client_reset");
}

// --- a crash

TEST_F(RelayHandoff, SendsTheRestOfALostBackendAndReadsNothingUntilTheNextHasAccepted) {
  client.keeps_lost = true;
  client_sends("question");
  client.room = 3;
  older.backend.send(1, "answer");
  deposit(8, 6);
  older.gateway.core.close();
  EXPECT_EQ(client.told, "accepted, lost exact");
  client_sends("meanwhile");
  EXPECT_EQ(client.input, "meanwhile");
  client.room = 100;
  relay.on_client_writable();
  EXPECT_EQ(client.received, "answer");
  EXPECT_EQ(client.told, "accepted, lost exact, rest sent");
  relay.send_rest();
  EXPECT_EQ(client.told, "accepted, lost exact, rest sent, rest sent") << "as often as it is asked";
  go_on();
  EXPECT_EQ(newer.backend.stream(1).received, "meanwhile");
}

TEST_F(RelayHandoff, DeliversWhatALinkBringsInItsLastGulp) {
  client.keeps_lost = true;
  older.backend.send(1, "answer");
  older.settle();  // and the batch is not flushed
  deposit(0, 6, false);
  older.gateway.core.close();
  EXPECT_EQ(client.received, "answer");
  EXPECT_EQ(client.told, "accepted, lost exact, rest sent");
}

TEST_F(RelayHandoff, CarriesTheEndsOfBothSidesOverACrash) {
  client.keeps_lost = true;
  deposit(0, 0);
  older.backend.core.finish({1});
  settle();
  EXPECT_TRUE(relay.is_backend_finished());
  older.gateway.core.close();
  given.finished = true;
  go_on();
  client_sends("last");
  EXPECT_EQ(newer.backend.stream(1).received, "last");
  client.end = client_io::finished;
  relay.on_client_readable();
  settle();
  EXPECT_EQ(client.told, "accepted, lost exact, rest sent, accepted, over backend_finished");
}

TEST_F(RelayHandoff, IsOverWhenTheLinkIsLostInTheMiddleOfAMessage) {
  client.keeps_lost = true;
  deposit(0, 0);
  client_sends("question");
  older.gateway.core.close();
  EXPECT_EQ(client.told, "accepted, over link_lost");
}

}  // namespace
}  // namespace presenter::gateway
