// The arithmetic of credit by itself: no frame, no stream.
#include "protocol/mux/credit_window.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace presenter::protocol {
namespace {

TEST(SendWindow, SpendsWhatItHas) {
  send_window window(10);
  window.spend(4);
  EXPECT_EQ(window.available(), 6);
  EXPECT_TRUE(window.grant(4, 10));
  EXPECT_EQ(window.available(), 10);
}

TEST(SendWindow, RefusesAGrantBeyondItsMaximumAndStaysUnchanged) {
  send_window window(9);
  EXPECT_FALSE(window.grant(2, 10));
  EXPECT_FALSE(window.grant(std::numeric_limits<std::int64_t>::max(), 10));
  EXPECT_EQ(window.available(), 9);
  EXPECT_TRUE(window.grant(1, 10));
}

TEST(ReceiveWindow, AllowsExactlyItsSize) {
  receive_window window(100);
  EXPECT_TRUE(window.receive(100));
  EXPECT_FALSE(window.receive(1));
}

// Else the bytes of an overrun would be given back twice: when they are refused, and on release.
TEST(ReceiveWindow, AnOverrunLeavesItUnchanged) {
  receive_window window(100);
  EXPECT_TRUE(window.receive(60));
  EXPECT_FALSE(window.receive(41));
  EXPECT_EQ(window.buffered(), 60);
  EXPECT_TRUE(window.receive(40));
}

TEST(ReceiveWindow, CountsWhatIsReceivedAndNotConsumed) {
  receive_window window(100);
  ASSERT_TRUE(window.receive(30));
  window.consume(10);
  EXPECT_EQ(window.buffered(), 20);
}

TEST(ReceiveWindow, HoldsBackTheGrantWhileHalfRemains) {
  receive_window window(100);
  ASSERT_TRUE(window.receive(50));
  window.consume(50);
  EXPECT_FALSE(window.is_grant_due());
  ASSERT_TRUE(window.receive(1));
  EXPECT_TRUE(window.is_grant_due());
}

TEST(ReceiveWindow, NeverGrantsForLessThanAQuarter) {
  receive_window window(100);
  ASSERT_TRUE(window.receive(100));
  window.consume(24);
  EXPECT_FALSE(window.is_grant_due());
  window.consume(1);
  EXPECT_TRUE(window.is_grant_due());
  EXPECT_EQ(window.take_grant(), 25);
  EXPECT_FALSE(window.is_grant_due());
}

// A link that stalled streams hold almost whole still carries the others.
TEST(ReceiveWindow, ALargeOneGrantsByTheFullFrame) {
  constexpr std::int64_t full_frame{limits::data_bytes_max};
  receive_window window(limits::link_window_bytes_default);
  ASSERT_TRUE(window.receive(limits::link_window_bytes_default));
  window.consume(full_frame - 1);
  EXPECT_FALSE(window.is_grant_due());
  window.consume(1);
  EXPECT_TRUE(window.is_grant_due());
  EXPECT_EQ(window.take_grant(), full_frame);
}

TEST(ReceiveWindow, APeerThatHasRunDryGetsItsCreditWhateverTheSize) {
  for (std::int64_t size = 1; size < 200; ++size) {
    receive_window window(size);
    ASSERT_TRUE(window.receive(size));
    window.consume(size);
    EXPECT_EQ(window.is_grant_due(), size > 1) << size;
  }
}

}  // namespace
}  // namespace presenter::protocol
