// What may happen while a stream is between two backends, step by step: each has its result, and
// none leaves a client worse off than one that is closed to be moved.
#include <gtest/gtest.h>

#include <netinet/in.h>

#include "tests/unit/gateway/worker/handoff_case.hpp"

namespace presenter::gateway {
namespace {

using shard_router::backend_state;
using std::chrono::seconds;

class WorkerHandoffEnds : public WorkerHandoff {
 protected:
  void expect_talk(tls_peer& client, const std::string& name) {
    ASSERT_TRUE(client.write_blocking("hello"));
    EXPECT_EQ(client.read_blocking(7), name + ":hello");
  }
  // By an alert: what it got may not be all there was.
  void expect_cut(tls_peer& client, close_reason why) {
    EXPECT_EQ(client.read_blocking(1), "");
    EXPECT_TRUE(comes_to(closes(why), 1));
    client.close_descriptor();
  }
  void expect_clean_end(tls_peer& client) {
    EXPECT_EQ(client.read_blocking(1), "");
    EXPECT_TRUE(client.is_finished_by_peer());
    client.close_descriptor();
  }
  void move_until_opened_at_b() {
    move_to_b();
    ASSERT_TRUE(eventually([&] { return b->opened == 1; }));
  }
  // It has a link when a is asked for the stream, and none when a answers; new ones say nothing.
  void move_to_b_that_is_lost() {
    a->answers = answer::stay_silent;
    move_to_b();
    ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
    b->holds_links = true;
    b->close_links();
    ASSERT_TRUE(comes_to(serving->metrics().links_up, 1));
    a->answer_late();
  }
  void leave_at_once(tls_peer& client) {
    const linger at_once{1, 0};
    ::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    client.close_descriptor();
  }
  // Sent to a, which reads nothing.
  void send_unread(tls_peer& client, std::size_t bytes) {
    const auto before = serving->metrics().relayed_bytes[relay_direction::to_backend].value();
    ASSERT_TRUE(client.write_blocking(std::string(bytes, 'x')));
    ASSERT_TRUE(eventually([&] {
      return serving->metrics().relayed_bytes[relay_direction::to_backend].value() ==
             before + bytes;
    }));
  }
};

// --- the old backend

TEST_F(WorkerHandoffEnds, TakesMoreUnreadBytesThanOneFrameHolds) {
  a->reads = false;
  start();
  auto client = served();
  send_unread(*client, 60'000);
  move_to_b();
  std::string got;
  while (got.size() < packet.size() + 60'000) {
    const std::string more = client->read_blocking(1);
    if (more.empty()) break;
    got += more;
    for (auto mark = got.find("b:"); mark != std::string::npos; mark = got.find("b:"))
      got.erase(mark, 2);
  }
  EXPECT_EQ(got, packet + std::string(60'000, 'x'));
  EXPECT_TRUE(comes_to(handoffs(handoff_result::done), 1));
}

TEST_F(WorkerHandoffEnds, ClosesTheClientOfABackendThatEndsTheStreamForAnotherReason) {
  a->answers = answer::end;
  start();
  auto client = served();
  move_to_b();
  expect_cut(*client, close_reason::stream_reset_by_backend);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::reset), 1));
}

// The SDK refuses it to its application. From a backend of another make it is no frame.
TEST_F(WorkerHandoffEnds, LosesTheLinkOfABackendThatSendsMoreStateThanAFrameHolds) {
  a->answers = answer::overstate;
  start();
  auto client = served();
  move_to_b();
  expect_cut(*client, close_reason::link_lost);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::link_lost), 1));
  EXPECT_TRUE(comes_to(serving->metrics().link_errors[protocol::errc::field_invalid], 1));
  EXPECT_EQ(b->opened, 0);
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhoseUnreadBytesHaveNoRoom) {
  held_bytes_max = 1;
  a->reads = false;
  start();
  auto client = served();
  send_unread(*client, 100'000);
  move_to_b();
  expect_closed_as_today(*client, handoff_result::held_limit);
  EXPECT_EQ(b->opened, 0);
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhoseOldLinkBreaksBetweenTwoCheckpoints) {
  a->reads = false;
  a->answers = answer::cut_between;
  start();
  auto client = served();
  send_unread(*client, 60'000);
  move_to_b();
  expect_cut(*client, close_reason::link_lost);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::link_lost), 1));
  EXPECT_EQ(b->opened, 0);
}

TEST_F(WorkerHandoffEnds, DoesNotNeedTheOldLinkAfterTheLastCheckpoint) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  a->close_links();
  EXPECT_TRUE(comes_to(serving->metrics().links_opened, 3));
  b->accept_late();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  expect_talk(*client, "b");
}

// --- the new owner

TEST_F(WorkerHandoffEnds, FindsOutLateThatTheNewOwnerCannot) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  b->lose_the_feature();
  ASSERT_TRUE(comes_to(serving->metrics().links_opened, 3));
  a->answer_late();
  expect_closed_as_today(*client, handoff_result::no_feature);
  EXPECT_EQ(b->opened, 0);
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhoseNewOwnerHasNoLinkAnyMore) {
  settings.upstream.opening_timeout = seconds(2);
  start();
  auto client = served();
  move_to_b_that_is_lost();
  expect_closed_as_today(*client, handoff_result::opening_timeout);
  EXPECT_EQ(a->streams_now, 0);
}

TEST_F(WorkerHandoffEnds, WaitsForALinkThatTheNewOwnerHasLost) {
  start();
  auto client = served();
  move_to_b_that_is_lost();
  ASSERT_TRUE(comes_to(serving->metrics().opens_waiting, 1));
  b->start_links();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  expect_talk(*client, "b");
}

TEST_F(WorkerHandoffEnds, LeavesAStreamWhereItIsUntilItsNewOwnerCanBeReached) {
  b->holds_links = true;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(comes_to(serving->metrics().handoffs_pending, 1));
  expect_talk(*client, "a");
  EXPECT_EQ(a->asked, 0);
  EXPECT_EQ(serving->metrics().handoffs_pending.value(), 1);
  b->start_links();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  expect_talk(*client, "b");
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhomTheNewOwnerDoesNotAnswer) {
  settings.upstream.opening_timeout = seconds(2);
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  expect_closed_as_today(*client, handoff_result::opening_timeout);
  EXPECT_TRUE(eventually([&] { return b->streams_now == 0; })) << "it was reset";
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhomTheNewOwnerResetsBeforeItAccepts) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  b->reset_streams(protocol::reset_reason::cancelled);
  expect_cut(*client, close_reason::stream_reset_by_backend);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::reset), 1));
}

TEST_F(WorkerHandoffEnds, TriesAgainWhereItWasRefusedForATime) {
  a->reads = false;
  for (const auto reason : {protocol::refuse_reason::busy, protocol::refuse_reason::shutting_down,
                            protocol::refuse_reason::not_owner}) {
    SCOPED_TRACE(static_cast<int>(reason));
    b->refuses = 1;
    b->refusal = reason;
    if (!serving) start();
    auto client = served();
    const auto done = handoffs(handoff_result::done).value();
    move_to_b();
    EXPECT_EQ(client->read_blocking(2 + packet.size()), "b:" + packet) << "once";
    EXPECT_TRUE(comes_to(handoffs(handoff_result::done), done + 1));
    EXPECT_TRUE(comes_to(serving->metrics().streams_refused[reason], 1));
    expect_talk(*client, "b");
    client->close_descriptor();
    EXPECT_TRUE(eventually([&] { return serving->metrics().clients_total() == 0; }));
    set_map(backend_state::up, backend_state::draining);
    ASSERT_TRUE(comes_to(serving->metrics().map_epoch, epoch));
  }
}

TEST_F(WorkerHandoffEnds, ClosesTheClientWhomTheNewOwnerRefusesForEver) {
  settings.upstream.opening_timeout = seconds(2);
  b->refuses = 1'000'000;
  b->refusal = protocol::refuse_reason::busy;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::opening_timeout);
}

TEST_F(WorkerHandoffEnds, FollowsTheMapOfABackendThatIsNotTheOwnerAnyMore) {
  b->refuses = 1;
  b->refusal = protocol::refuse_reason::not_owner;
  start();
  b->refusal_epoch = epoch + 2;
  auto client = served();
  move_to_b();
  ASSERT_TRUE(comes_to(serving->metrics().opens_waiting, 1));
  set_map(backend_state::up, backend_state::draining);
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  EXPECT_EQ(a->continued, 1);
  EXPECT_EQ(b->opened, 0);
  expect_talk(*client, "a");
}

TEST_F(WorkerHandoffEnds, GoesBackWhenTheMapChangesWhileItIsOpened) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  set_map(backend_state::up, backend_state::draining);
  ASSERT_TRUE(comes_to(serving->metrics().map_epoch, epoch));
  b->accept_late();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 2));
  expect_talk(*client, "a");
  EXPECT_EQ(b->asked, 1);
}

// --- the client, and the gateway

TEST_F(WorkerHandoffEnds, ForgetsAClientThatLeavesWhileItsStreamIsOpened) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  leave_at_once(*client);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::client_left), 1));
  EXPECT_TRUE(eventually([&] { return b->streams_now == 0; }));
  EXPECT_TRUE(comes_to(closes(close_reason::client_reset), 1));
}

TEST_F(WorkerHandoffEnds, TakesTheEndOfAClientThatFinishesWhileItsStreamIsOpened) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  ASSERT_TRUE(client->write_blocking("bye"));
  client->finish();
  client->push();
  b->accept_late();
  EXPECT_EQ(client->read_blocking(5), "b:bye");
  expect_clean_end(*client);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::done), 1));
}

TEST_F(WorkerHandoffEnds, TakesAStreamWhoseClientHadFinishedBefore) {
  a->finishes_back = false;
  start();
  auto client = served();
  client->finish();
  client->push();
  ASSERT_TRUE(eventually([&] { return a->finished == 1; }));
  move_to_b();
  expect_clean_end(*client);
  EXPECT_EQ(b->finished, 1);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  EXPECT_TRUE(comes_to(closes(close_reason::client_finished), 1));
}

TEST_F(WorkerHandoffEnds, TakesAStreamWhoseBackendHadFinishedBefore) {
  start();
  auto client = served();
  a->finish_streams();
  EXPECT_TRUE(eventually([&] {
    client->pull();
    EXPECT_EQ(client->read(), "");
    return client->is_finished_by_peer();
  }));
  move_to_b();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  ASSERT_EQ(b->continued, 1);
  EXPECT_TRUE(b->is_continued_finished);
  client->finish();
  client->push();
  EXPECT_TRUE(eventually([&] { return b->finished == 1; }));
  EXPECT_TRUE(comes_to(closes(close_reason::backend_finished), 1));
  client->close_descriptor();
}

TEST_F(WorkerHandoffEnds, ClosesAClientThatDoesNotTakeTheRestOfTheOldBackend) {
  settings.upstream.stall_timeout = seconds(2);
  receive_buffer = 4'096;
  start();
  auto client = served();
  // Echoed, and more than the sockets take.
  ASSERT_TRUE(client->write_blocking(std::string(8 * 1'024 * 1'024, 'x')));
  move_to_b();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::client_left), 1));
  EXPECT_TRUE(comes_to(closes(close_reason::client_stalled), 1));
  EXPECT_EQ(b->opened, 0);
  client->close_descriptor();
}

TEST_F(WorkerHandoffEnds, EndsCleanlyWhenTheGatewayEndsWhileTheStreamIsOpened) {
  b->accepts = false;
  start();
  auto client = served();
  move_until_opened_at_b();
  serving->post_shut_down(seconds(20));
  expect_clean_end(*client);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::shutting_down), 1));
  EXPECT_TRUE(comes_to(closes(close_reason::shutting_down), 1));
}

TEST_F(WorkerHandoffEnds, EndsCleanlyWhenTheGatewayEndsWhileItWaitsForTheNewOwner) {
  start();
  auto client = served();
  move_to_b_that_is_lost();
  ASSERT_TRUE(comes_to(serving->metrics().opens_waiting, 1));
  serving->post_shut_down(seconds(20));
  expect_clean_end(*client);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::shutting_down), 1));
}

}  // namespace
}  // namespace presenter::gateway
