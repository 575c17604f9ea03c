// A whole worker, real clients over loopback, and two backends that hand streams over to each
// other. What a client sees is compared byte by byte.
#include <gtest/gtest.h>

#include "tests/unit/gateway/worker/handoff_case.hpp"

namespace presenter::gateway {
namespace {

TEST_F(WorkerHandoff, ChangesTheBackendAndTheClientDoesNotNotice) {
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  ASSERT_EQ(b->continued, 1);
  EXPECT_EQ(b->state, "state of a");
  EXPECT_EQ(b->node, "a");
  EXPECT_EQ(b->key, "couple-0");
  ASSERT_TRUE(client->write_blocking("hello"));
  EXPECT_EQ(client->read_blocking(7), "b:hello");
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; }));

  set_map(shard_router::backend_state::up, shard_router::backend_state::draining);
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 2));
  ASSERT_TRUE(client->write_blocking("again"));
  EXPECT_EQ(client->read_blocking(7), "a:again");
  EXPECT_EQ(serving->metrics().closes[close_reason::stream_moved].value(), 0U);
  EXPECT_EQ(serving->metrics().moves[move_cause::drained].value(), 2U);
  EXPECT_EQ(moves(), 2U);
}

TEST_F(WorkerHandoff, TakesWhatTheOldBackendHadNotReadToTheNewOne) {
  a->reads = false;
  start();
  auto client = served();
  move_to_b();
  EXPECT_EQ(client->read_blocking(2 + packet.size()), "b:" + packet);
  EXPECT_TRUE(comes_to(handoffs(handoff_result::done), 1));
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatDeclines) {
  a->answers = answer::decline;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::declined);
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatDoesNotAnswer) {
  settings.moves.handoff_deadline = std::chrono::milliseconds(200);
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::deadline);
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; })) << "it was reset";
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatHasLostItsPlace) {
  a->answers = answer::lie;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::position_mismatch), 1));
  client->read_blocking(1);
  EXPECT_TRUE(comes_to(closes(close_reason::backend_violation), 1));
}

TEST_F(WorkerHandoff, ClosesTheClientWhoseOldBackendDiesMeanwhile) {
  a->answers = answer::cut;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::link_lost), 1));
  client->read_blocking(1);
  EXPECT_TRUE(comes_to(closes(close_reason::link_lost), 1));
}

TEST_F(WorkerHandoff, ClosesTheClientWhomTheNewOwnerRefuses) {
  b->refuses = 1;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::refused);
}

// It may have accepted: state and unread bytes are given to nobody else.
TEST_F(WorkerHandoff, OpensTheStreamNowhereElseWhenTheNewOwnersLinkBreaks) {
  a->reads = false;
  b->cuts_opened = true;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::link_lost), 1));
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(comes_to(closes(close_reason::link_lost), 1));
  EXPECT_EQ(b->cut, 1);
  client->close_descriptor();
}

TEST_F(WorkerHandoff, AsksNobodyWhenOneOfTheTwoCannot) {
  b.emplace("b", false);
  start();
  auto client = served();
  // Its link is up, and has said what it can.
  ASSERT_TRUE(comes_to(serving->metrics().links_up, 2));
  move_to_b();
  expect_closed_as_today(*client, handoff_result::no_feature);
  EXPECT_EQ(a->asked, 0);
}

TEST_F(WorkerHandoff, OpensTheStreamWhereTheMapOfThatMomentSays) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  set_map(shard_router::backend_state::up, shard_router::backend_state::draining);
  ASSERT_TRUE(comes_to(serving->metrics().map_epoch, epoch));
  a->answer_late();
  ASSERT_TRUE(comes_to(handoffs(handoff_result::done), 1));
  ASSERT_TRUE(client->write_blocking("hello"));
  EXPECT_EQ(client->read_blocking(7), "a:hello");
  EXPECT_EQ(b->continued, 0);
}

TEST_F(WorkerHandoff, ClosesTheClientWhoseKeyNobodyOwnsAnyMore) {
  settings.upstream.opening_timeout = std::chrono::seconds(2);
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  set_map(shard_router::backend_state::draining, shard_router::backend_state::draining);
  ASSERT_TRUE(comes_to(serving->metrics().map_epoch, epoch));
  a->answer_late();
  expect_closed_as_today(*client, handoff_result::no_owner);
}

TEST_F(WorkerHandoff, ForgetsAClientThatLeavesMeanwhile) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  const linger at_once{1, 0};
  ::setsockopt(client->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client->close_descriptor();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::client_left), 1));
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; }));
}

TEST_F(WorkerHandoff, TakesTheEndOfAClientThatFinishesMeanwhileToTheNewBackend) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  ASSERT_TRUE(client->write_blocking("bye"));
  client->finish();
  client->push();
  a->answer_late();
  EXPECT_EQ(client->read_blocking(5), "b:bye");
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::done), 1));
}

TEST_F(WorkerHandoff, EndsCleanlyWhenTheGatewayEndsMeanwhile) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  serving->post_shut_down(std::chrono::seconds(20));
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
  EXPECT_TRUE(comes_to(handoffs(handoff_result::shutting_down), 1));
}

}  // namespace
}  // namespace presenter::gateway
