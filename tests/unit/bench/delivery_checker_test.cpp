#include "bench/load_generator/delivery_checker.hpp"

#include <gtest/gtest.h>

namespace presenter::bench {
namespace {

constexpr delivery_checker::server_number c1 = 1;
constexpr delivery_checker::server_number c2 = 2;

class DeliveryChecker : public testing::Test {
 protected:
  void send(int messages) {
    for (int i = 0; i < messages; ++i)
      checker.on_sent();
  }
  void acknowledge(std::uint64_t from, std::uint64_t to, delivery_checker::server_number server) {
    for (auto sequence = from; sequence <= to; ++sequence) {
      checker.on_acknowledged(sequence, server);
    }
  }
  void deliver(std::uint64_t from, std::uint64_t to) {
    for (auto sequence = from; sequence <= to; ++sequence) {
      EXPECT_EQ(checker.on_delivered(sequence), arrival::delivered) << sequence;
    }
  }

  delivery_checker checker;
};

TEST_F(DeliveryChecker, FindsNothingWrongWithExactlyOnceInOrder) {
  send(1'000);
  deliver(1, 600);
  acknowledge(1, 1'000, c1);
  deliver(601, 1'000);
  const auto counts = checker.finish();
  EXPECT_TRUE(counts.is_flawless());
  EXPECT_EQ(counts.sent, 1'000U);
  EXPECT_EQ(counts.acknowledged, 1'000U);
  EXPECT_EQ(counts.delivered, 1'000U);
  EXPECT_EQ(checker.outstanding(), 0U);
}

TEST_F(DeliveryChecker, CountsWhatNeverArrivesAsLost) {
  send(3);
  acknowledge(1, 2, c1);
  deliver(1, 1);
  EXPECT_EQ(checker.outstanding(), 2U);
  EXPECT_EQ(checker.finish().lost, 2U) << "acknowledged or not, nothing broke";
  EXPECT_FALSE(checker.finish().is_flawless());
}

TEST_F(DeliveryChecker, CountsAGapAsLostAndNotAsReordered) {
  send(3);
  acknowledge(1, 3, c1);
  deliver(1, 1);
  deliver(3, 3);
  EXPECT_EQ(checker.finish().lost, 1U);
  EXPECT_EQ(checker.finish().reordered, 0U);
}

TEST_F(DeliveryChecker, CountsASecondArrivalAsDuplicatedHoweverLongAgo) {
  send(3);
  acknowledge(1, 3, c1);
  deliver(1, 3);
  EXPECT_EQ(checker.on_delivered(1), arrival::duplicated);
  EXPECT_EQ(checker.on_delivered(3), arrival::duplicated);
  EXPECT_EQ(checker.finish().duplicated, 2U);
  EXPECT_EQ(checker.finish().delivered, 3U);
}

TEST_F(DeliveryChecker, CountsAnArrivalAfterALaterOneAsReordered) {
  send(2);
  EXPECT_EQ(checker.on_delivered(2), arrival::delivered);
  EXPECT_EQ(checker.on_delivered(1), arrival::reordered);
  EXPECT_EQ(checker.finish().reordered, 1U);
  EXPECT_EQ(checker.finish().lost, 0U);
}

TEST_F(DeliveryChecker, CountsWhatWasNeverSentAsUnexpected) {
  send(1);
  EXPECT_EQ(checker.on_delivered(0), arrival::unexpected);
  EXPECT_EQ(checker.on_delivered(2), arrival::unexpected);
  EXPECT_EQ(checker.finish().unexpected, 2U);
}

TEST_F(DeliveryChecker, ExcusesWhatWasUnacknowledgedWhenTheSenderWasCutOff) {
  send(4);
  acknowledge(1, 1, c1);
  checker.on_sender_disconnected();
  deliver(1, 2);  // the second went through after all
  const auto counts = checker.finish();
  EXPECT_EQ(counts.interrupted, 2U);
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(checker.outstanding(), 0U) << "nobody waits for what may not exist";
}

TEST_F(DeliveryChecker, NoLongerExcusesWhatTurnsOutToBeInTheHistory) {
  send(1);
  checker.on_sender_disconnected();
  acknowledge(1, 1, c1);
  EXPECT_EQ(checker.finish().interrupted, 0U);
  EXPECT_EQ(checker.finish().lost, 1U);
}

TEST_F(DeliveryChecker, TellsAMessageThatDiedWithItsServerFromALostOne) {
  send(4);
  acknowledge(1, 2, c1);
  deliver(1, 1);
  checker.on_receiver_moved(c1, c2);
  acknowledge(3, 4, c2);
  deliver(3, 3);
  const auto counts = checker.finish();
  EXPECT_EQ(counts.lost_with_server, 1U) << "the second, in the memory of c1";
  EXPECT_EQ(counts.lost, 1U) << "the fourth, where the receiver is";
}

TEST_F(DeliveryChecker, ExcusesAnAcknowledgementThatComesAfterTheReceiverLeft) {
  send(1);
  checker.on_receiver_moved(c1, c2);
  acknowledge(1, 1, c1);
  EXPECT_EQ(checker.finish().lost_with_server, 1U);
}

TEST_F(DeliveryChecker, BlamesTheServerTheReceiverReturnedTo) {
  send(1);
  acknowledge(1, 1, c1);
  checker.on_receiver_moved(c1, c2);
  checker.on_receiver_moved(c2, c1);
  EXPECT_EQ(checker.outstanding(), 1U);
  EXPECT_EQ(checker.finish().lost, 1U);
}

// A couple split between two servers is the gateway's fault, not a dead server's.
TEST_F(DeliveryChecker, CountsAMessageOfAServerThatTheReceiverNeverReachedAsLost) {
  send(1);
  acknowledge(1, 1, c2);
  EXPECT_EQ(checker.finish().lost, 1U);
}

TEST_F(DeliveryChecker, ExcusesWhatARestartedServerHadAcknowledgedBefore) {
  send(2);
  acknowledge(1, 1, c1);
  checker.on_memory_lost(c1);
  acknowledge(2, 2, c1);
  const auto counts = checker.finish();
  EXPECT_EQ(counts.lost_with_server, 1U);
  EXPECT_EQ(counts.lost, 1U);
}

// One message of each fate, and one that came twice: no fate is told for two, nor none for one.
TEST_F(DeliveryChecker, HasEachMessageSentInExactlyOneCount) {
  send(7);
  acknowledge(1, 2, c1);
  deliver(1, 1);
  EXPECT_EQ(checker.on_delivered(1), arrival::duplicated);
  checker.on_receiver_moved(c1, c2);  // with the second in its memory
  acknowledge(3, 4, c2);
  deliver(3, 3);
  checker.on_memory_lost(c2);  // with the fourth
  checker.on_sender_disconnected();
  acknowledge(6, 6, c2);
  deliver(7, 7);
  const auto counts = checker.finish();
  EXPECT_EQ(counts.sent, 7U);
  EXPECT_EQ(counts.delivered, 3U);
  EXPECT_EQ(counts.lost_with_server, 2U);
  EXPECT_EQ(counts.interrupted, 1U);
  EXPECT_EQ(counts.lost, 1U);
  EXPECT_TRUE(counts.adds_up());
  const std::map<delivery_checker::server_number, std::uint64_t> by_server{{c1, 1}, {c2, 1}};
  EXPECT_EQ(checker.lost_by_server(), by_server);
}

TEST(DeliveryCounts, DoNotAddUpIfAMessageIsInNoneOrInTwo) {
  delivery_counts counts;
  counts.sent = 3;
  counts.delivered = 2;
  EXPECT_FALSE(counts.adds_up());
  counts.interrupted = 1;
  EXPECT_TRUE(counts.adds_up());
  counts.lost = 1;
  EXPECT_FALSE(counts.adds_up());
}

TEST_F(DeliveryChecker, AddsUpOverCouples) {
  send(2);
  checker.on_corrupted();
  checker.on_unexpected();
  delivery_counts total = checker.finish();
  total += checker.finish();
  EXPECT_EQ(total.sent, 4U);
  EXPECT_EQ(total.lost, 4U);
  EXPECT_EQ(total.corrupted, 2U);
  EXPECT_EQ(total.unexpected, 2U);
}

}  // namespace
}  // namespace presenter::bench
