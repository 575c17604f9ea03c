#include "gateway/tls/tickets/early_data_register.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace presenter::gateway {
namespace {

using verdict = early_data_verdict;
using std::chrono::seconds;
using mark = std::array<std::uint8_t, early_data_register::mark_bytes>;

mark mark_of(std::uint64_t number) {
  mark made{};
  std::memcpy(made.data(), &number, sizeof number);
  return made;
}

class EarlyDataRegister : public ::testing::Test {
 protected:
  static constexpr std::size_t slots = 64;
  static constexpr std::size_t room = slots / 4 * 3;

  verdict take(std::uint64_t number) { return taken.take(mark_of(number), issued); }

  const early_data_register::time start{seconds(1'000'000)};
  early_data_register::time now = start;
  early_data_register::time issued = start + seconds(1);
  early_data_register taken{slots, [this] { return now; }};
};

TEST_F(EarlyDataRegister, TakesAMarkOnce) {
  EXPECT_EQ(take(1), verdict::fresh);
  EXPECT_EQ(take(1), verdict::replayed);
  EXPECT_EQ(take(2), verdict::fresh);
  EXPECT_EQ(take(1), verdict::replayed);
}

TEST_F(EarlyDataRegister, RemembersForAWindowWheneverItCame) {
  const int window = static_cast<int>(early_data_register::window.count());
  std::uint64_t next = 0;
  for (int begun = 0; begun < 3 * window; ++begun) {
    const std::uint64_t number = ++next;
    ASSERT_EQ(take(number), verdict::fresh);
    const auto came = now;
    now += early_data_register::window - seconds(1);
    EXPECT_EQ(take(number), verdict::replayed) << begun;
    now = came + early_data_register::window;
    EXPECT_EQ(take(number), verdict::replayed) << begun;
    now += seconds(1);
  }
}

TEST_F(EarlyDataRegister, ForgetsAfterTwoWindows) {
  ASSERT_EQ(take(1), verdict::fresh);
  now += early_data_register::window;
  ASSERT_EQ(take(2), verdict::fresh);
  now += early_data_register::window;
  EXPECT_EQ(take(1), verdict::fresh) << "no ClientHello as old as that passes OpenSSL";
  EXPECT_EQ(take(2), verdict::replayed);
}

TEST_F(EarlyDataRegister, ForgetsAllAfterALongPause) {
  for (std::uint64_t i = 0; i < room; ++i)
    ASSERT_EQ(take(i), verdict::fresh);
  now += 2 * early_data_register::window;
  for (std::uint64_t i = 0; i < room; ++i)
    ASSERT_EQ(take(i), verdict::fresh);
}

TEST_F(EarlyDataRegister, TakesNoMoreThanItHasRoomFor) {
  for (std::uint64_t i = 0; i < room; ++i)
    ASSERT_EQ(take(i), verdict::fresh);
  EXPECT_EQ(take(1'000), verdict::unrecorded);
  EXPECT_EQ(take(1'000), verdict::unrecorded) << "not taken, so not a replay either";
  EXPECT_EQ(take(0), verdict::replayed) << "what was taken is known all the same";
  now += early_data_register::window;
  EXPECT_EQ(take(1'000), verdict::fresh);
  EXPECT_EQ(take(0), verdict::replayed);
}

TEST_F(EarlyDataRegister, TakesNothingUnderTicketsThatTheProcessBeforeItMayHaveSeen) {
  issued = start;
  EXPECT_EQ(take(1), verdict::unrecorded);
  now += early_data_register::window;
  EXPECT_EQ(take(1), verdict::unrecorded);
  now += seconds(1);
  EXPECT_EQ(take(1), verdict::fresh);
}

TEST_F(EarlyDataRegister, TakesNothingUntilAClockThatWasSetBackHasCaughtUp) {
  now += seconds(100);
  ASSERT_EQ(take(1), verdict::fresh);
  now -= seconds(60);
  EXPECT_EQ(take(1), verdict::unrecorded);
  EXPECT_EQ(take(2), verdict::unrecorded);
  now += seconds(60);
  EXPECT_EQ(take(1), verdict::replayed);
  EXPECT_EQ(take(2), verdict::fresh);
}

TEST_F(EarlyDataRegister, AMarkOfZerosIsOneToo) {
  EXPECT_EQ(taken.take(mark{}, issued), verdict::fresh);
  EXPECT_EQ(taken.take(mark{}, issued), verdict::replayed);
}

// Of all threads that bring one mark at the same time, one may go on.
TEST(EarlyDataRegisterThreads, TakeEachMarkOnceAmongThem) {
  early_data_register taken;
  const auto issued = early_data_register::now() + seconds(3'600);
  constexpr std::uint64_t marks = 2'000;
  std::atomic<std::uint64_t> fresh{0};
  std::atomic<std::uint64_t> replayed{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t number = 0; number < marks; ++number) {
        const verdict got = taken.take(mark_of(number), issued);
        fresh += got == verdict::fresh ? 1 : 0;
        replayed += got == verdict::replayed ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(fresh, marks);
  EXPECT_EQ(replayed, 3 * marks);
}

TEST_F(EarlyDataRegister, GoesOnInAnotherProcess) {
  EXPECT_EQ(take(1), verdict::fresh);
  now += early_data_register::window;
  EXPECT_EQ(take(2), verdict::fresh);
  now += seconds(1);
  early_data_register next{slots, [this] { return now; }};
  next.adopt(taken.state());
  EXPECT_EQ(next.take(mark_of(1), issued), verdict::replayed);
  EXPECT_EQ(next.take(mark_of(2), issued), verdict::replayed);
  EXPECT_EQ(next.take(mark_of(3), issued), verdict::fresh) << "the ticket is older than it";
}

TEST_F(EarlyDataRegister, TakesNothingAnotherMayHaveSeenIfItLacksARecord) {
  for (std::uint64_t number = 1; number <= room; ++number)
    EXPECT_EQ(take(number), verdict::fresh);
  now += seconds(2);
  early_data_register small{slots / 2, [this] { return now; }};
  small.adopt(taken.state());
  EXPECT_EQ(small.take(mark_of(1'000), issued), verdict::unrecorded);
}

}  // namespace
}  // namespace presenter::gateway
