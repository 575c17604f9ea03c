// The idle timeout as a session uses it: the watch beside one deadline on the worker's wheel.
#include "gateway/client/idle_watch.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

class IdleWatch : public ::testing::Test, private deadline_node {
 protected:
  static constexpr auto timeout = 60s;

  IdleWatch() { wheel.set_deadline(*this, watch.due(timeout)); }

  // Turns of the wheel, as the worker makes them.
  void pass(std::chrono::milliseconds time) {
    now += time;
    wheel.advance(now);
  }
  void byte() { watch.mark(wheel.now()); }

  steady_time now{1h};
  deadline_wheel wheel{now};
  idle_watch watch{now};
  int looks = 0;
  bool closed = false;

 private:
  void on_deadline(steady_time at) override {
    ++looks;
    closed = watch.due(timeout) <= at;
    if (!closed) wheel.set_deadline(*this, watch.due(timeout));
  }
};

TEST_F(IdleWatch, ClosesWhoNeverSaysAnything) {
  pass(59'900ms);
  EXPECT_FALSE(closed);
  pass(200ms);
  EXPECT_TRUE(closed);
}

TEST_F(IdleWatch, EveryByteIsLifeAndNoneMovesTheDeadline) {
  for (int minute = 0; minute < 10; ++minute) {
    for (int i = 0; i < 6; ++i) {
      pass(10s);
      byte();
    }
  }
  EXPECT_FALSE(closed);
  EXPECT_LE(looks, 11) << "once in each timeout, not once a byte";
  pass(60s);
  pass(200ms);
  EXPECT_TRUE(closed);
}

TEST_F(IdleWatch, CountsFromTheLastByteNotFromTheLook) {
  pass(59s);
  byte();
  pass(2s);  // looked at, and moved to the last byte's minute
  EXPECT_EQ(looks, 1);
  pass(57s);
  EXPECT_FALSE(closed);
  pass(1'200ms);
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace presenter::gateway
