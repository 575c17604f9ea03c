#include "base/loop/poller.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <thread>
#include <vector>

#include "tests/support/io_turns.hpp"

namespace presenter {
namespace {

struct target : poll_target {
  void on_poll(std::uint32_t events) override {
    told.push_back(events);
    if (then) then();
  }
  std::vector<std::uint32_t> told;
  std::function<void()> then;
};

struct socket_pair {
  socket_pair() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  }
  ~socket_pair() {
    for (const int end : ends)
      ::close(end);
  }
  std::array<int, 2> ends{};
};

class Poller : public ::testing::Test {
 protected:
  ~Poller() override { polls.stop(); }

  void run() { tests::run_until_quiet(io); }

  boost::asio::io_context io{1};
  poller polls{io};
};

TEST_F(Poller, TellsAnEdgeOnceAndTheNextOneAgain) {
  socket_pair pair;
  target one;
  ASSERT_FALSE(polls.add(pair.ends[0], one, poll_mode::edge_in_out));
  polls.start();
  run();
  ASSERT_EQ(one.told.size(), 1U);
  EXPECT_EQ(one.told[0], static_cast<std::uint32_t>(EPOLLOUT));
  for (std::size_t edges = 2; edges < 4; ++edges) {
    ASSERT_EQ(::write(pair.ends[1], "x", 1), 1);
    run();
    ASSERT_EQ(one.told.size(), edges);
    EXPECT_NE(one.told.back() & EPOLLIN, 0U);
  }
  ::shutdown(pair.ends[1], SHUT_WR);
  run();
  EXPECT_NE(one.told.back() & EPOLLRDHUP, 0U);
  polls.remove(pair.ends[0], one);
}

TEST_F(Poller, ForgetsEventsOfTheSameBatchWithTheirTarget) {
  std::array<socket_pair, 3> pairs;
  std::array<target, 3> targets;
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_FALSE(polls.add(pairs[i].ends[0], targets[i], poll_mode::edge_in_out));
    targets[i].then = [&] {
      for (std::size_t j = 0; j < 3; ++j)
        polls.remove(pairs[j].ends[0], targets[j]);
    };
  }
  polls.start();
  run();
  EXPECT_EQ(targets[0].told.size() + targets[1].told.size() + targets[2].told.size(), 1U);
}

TEST_F(Poller, TellsMoreThanOneBatchHolds) {
  std::vector<socket_pair> pairs(300);
  std::vector<target> targets(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i)
    ASSERT_FALSE(polls.add(pairs[i].ends[0], targets[i], poll_mode::edge_in_out));
  polls.start();
  run();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(targets[i].told.size(), 1U);
    polls.remove(pairs[i].ends[0], targets[i]);
  }
}

// Without Asio: its owner waits on the set itself.
TEST_F(Poller, WaitsForTheFirstEventIfThereIsNone) {
  socket_pair pair;
  target one;
  ASSERT_FALSE(polls.add(pair.ends[0], one, poll_mode::level_in));
  polls.run_batch();
  EXPECT_TRUE(one.told.empty());
  std::thread writer([&] { ASSERT_EQ(::write(pair.ends[1], "x", 1), 1); });
  polls.take_batch(std::chrono::minutes(1));
  EXPECT_TRUE(one.told.empty());
  polls.dispatch_batch();
  writer.join();
  EXPECT_EQ(one.told.size(), 1U);
  polls.run_batch();
  EXPECT_EQ(one.told.size(), 2U);  // a level, as long as the byte is there
  polls.remove(pair.ends[0], one);
  polls.run_batch();
  EXPECT_EQ(one.told.size(), 2U);
}

TEST_F(Poller, AnInterruptEndsAWaitOnce) {
  std::thread interrupter([&] { polls.interrupt(); });
  EXPECT_FALSE(polls.take_batch(std::chrono::minutes(1)));
  interrupter.join();
  polls.dispatch_batch();
  EXPECT_TRUE(polls.take_batch());
}

TEST_F(Poller, SaysWhyADescriptorCannotBePolled) {
  target one;
  EXPECT_EQ(polls.add(-1, one, poll_mode::edge_in_out), boost::system::errc::bad_file_descriptor);
}

TEST_F(Poller, TellsNothingAfterStopEvenFromInside) {
  socket_pair a, b;
  target first, second;
  first.then = [&] { polls.stop(); };
  ASSERT_FALSE(polls.add(a.ends[0], first, poll_mode::edge_in_out));
  polls.start();
  run();
  ASSERT_FALSE(polls.add(b.ends[0], second, poll_mode::edge_in_out));
  run();
  EXPECT_EQ(first.told.size(), 1U);
  EXPECT_TRUE(second.told.empty());
}

}  // namespace
}  // namespace presenter
