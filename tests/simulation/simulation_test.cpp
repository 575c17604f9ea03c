// Very many schedules of two mux_cores over a bad link; README.md says what is checked, and how to
// replay a failure.
#include <gtest/gtest.h>

#include <functional>
#include <iostream>

#include "tests/simulation/simulator.hpp"
#include "tests/support/schedules.hpp"

namespace presenter::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t schedules_min = 3'000;
constexpr std::int64_t border_step = 23;
#else
constexpr std::uint64_t schedules_min = 20'000;
constexpr std::int64_t border_step = 1;
#endif

bool run_seed(std::uint64_t seed, coverage& seen, const disturbance& disturb = {}) {
  simulator schedule(seed, seen, disturb);
  const std::uint64_t asked = seen.asked;
  const bool is_good = schedule.run();
  if (seen.asked != asked) ++seen.schedules_with_handoffs;
  if (is_good) return true;
  std::cout << "replay with PRESENTER_SEED=" << seed << " (step " << schedule.step() << ")\n";
  return false;
}

// The schedules have been where it hurts.
void expect_covered(const coverage& seen) {
  EXPECT_GT(seen.completed, seen.streams / 4);
  for (const std::uint64_t times :
       {seen.reset_by_peer, seen.refused,      seen.link_lost,    seen.abandoned,
        seen.stream_dry,    seen.link_dry,     seen.turns_missed, seen.queues_full,
        seen.turns,         seen.turns_waited, seen.late_frames,  seen.suspect,
        seen.cuts,          seen.timeouts,     seen.go_aways,     seen.stalled_readers,
        seen.link_stalls,   seen.splits,       seen.half_closed,  seen.could_not_open,
        seen.asked,         seen.handed,       seen.declined,     seen.late_answers,
        seen.lies,          seen.pieces,       seen.continued,    seen.refused_again,
        seen.deposits,      seen.inexact,      seen.replaced,     seen.thawed}) {
    EXPECT_GT(times, 10U);
  }
  EXPECT_GT(seen.exact, 0U);
}

void print(const coverage& seen, std::uint64_t schedules, double seconds) {
  std::cout << schedules << " schedules, " << seen.steps << " steps, " << seen.streams
            << " stream ends, " << seen.payload_bytes / 1'000'000 << " MB in " << seconds
            << " s\n  completed " << seen.completed << ", reset by peer " << seen.reset_by_peer
            << ", refused " << seen.refused << ", link lost " << seen.link_lost << ", abandoned "
            << seen.abandoned << ", half-closed " << seen.half_closed << "\n  waits: stream dry "
            << seen.stream_dry << ", link dry " << seen.link_dry << ", queue or others first "
            << seen.turns_missed << ", queue full " << seen.queues_full << ", turns " << seen.turns
            << " (" << seen.turns_waited << " behind others), could not open "
            << seen.could_not_open << "\n  link: splits " << seen.splits << ", stalls "
            << seen.link_stalls << ", cuts " << seen.cuts << ", timeouts " << seen.timeouts
            << ", suspect " << seen.suspect << ", go-aways " << seen.go_aways
            << ", stalled readers " << seen.stalled_readers << ", late frames " << seen.late_frames
            << "\n  handoffs: in " << seen.schedules_with_handoffs << " schedules, asked "
            << seen.asked << ", given up " << seen.handed << ", declined " << seen.declined
            << ", no answer in time " << seen.late_answers << ", lies " << seen.lies << ", pieces "
            << seen.pieces << ", continued " << seen.continued << ", refused " << seen.refused_again
            << ", deposits " << seen.deposits << ", links lost with an exact one " << seen.exact
            << ", without " << seen.inexact << ", waited for the queue " << seen.checkpoints_waited
            << "\n  another process went on " << seen.replaced << " times, and did not "
            << seen.thawed << "\n";
}

TEST(Simulation, SchedulesKeepTheInvariants) {
  coverage seen;
  const auto took =
      run_seeds(schedules_min, [&seen](std::uint64_t seed) { return run_seed(seed, seen); });
  if (!took) return;
  print(seen, took->schedules, took->seconds);
  expect_covered(seen);
}

// One small conversation, disturbed at each of its bytes in either direction.
class SimulationBorder : public ::testing::TestWithParam<bool> {
 protected:
  // The first conversation behind `after` that ends well and is of a size that can be walked
  // through.
  void find_conversation(std::uint64_t after, const std::function<bool(const coverage&)>& is_rich) {
    for (seed_ = after + 1; seed_ < 1'000'000; ++seed_) {
      coverage seen;
      simulator schedule(seed_, seen);
      if (!schedule.run()) return;
      bytes_ = GetParam() ? schedule.arrived_at_backend() : schedule.arrived_at_gateway();
      if (seen.cuts == 0 && is_rich(seen) && bytes_ >= 1'500 && bytes_ <= 6'000) return;
    }
    FAIL() << "no such conversation";
  }
  void find_conversation() {
    find_conversation(0, [](const coverage& seen) {
      return seen.completed >= 4 && seen.abandoned >= 1 && seen.refused >= 1;
    });
  }
  void cut_at_every_byte(coverage& seen) {
    for (std::int64_t at = 1; at <= bytes_ && !HasFailure(); at += border_step) {
      SCOPED_TRACE("seed " + std::to_string(seed_) + " cut after byte " + std::to_string(at));
      run_seed(seed_, seen, {.cut_after_bytes = at, .towards_backend = GetParam()});
    }
    EXPECT_GT(seen.link_lost, 100U);
  }

  std::uint64_t seed_ = 0;
  std::int64_t bytes_ = 0;
};

TEST_P(SimulationBorder, CutAtEveryByte) {
  find_conversation();
  coverage seen;
  cut_at_every_byte(seen);
}

// Whether a stream may go on from its deposit is decided by where the cut falls.
TEST_P(SimulationBorder, CutAtEveryByteBetweenDeposits) {
  find_conversation(1'024, [](const coverage& seen) {
    return seen.completed >= 3 && seen.handed >= 1 && seen.deposits >= 8;
  });
  coverage seen;
  cut_at_every_byte(seen);
  if (GetParam()) {
    EXPECT_GT(seen.exact, 20U);
  }
  EXPECT_GT(seen.inexact, 100U);
}

TEST_P(SimulationBorder, SplitAtEveryByte) {
  find_conversation();
  coverage seen;
  for (std::int64_t at = 1; at <= bytes_ && !HasFailure(); at += border_step) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " split after byte " + std::to_string(at));
    run_seed(seed_, seen, {.split_after_bytes = at, .towards_backend = GetParam()});
  }
  EXPECT_EQ(seen.link_lost, 0U);
  EXPECT_GT(seen.completed, 100U);
}

INSTANTIATE_TEST_SUITE_P(Directions, SimulationBorder, ::testing::Bool(), [](const auto& towards) {
  return towards.param ? "TowardsBackend" : "TowardsGateway";
});

}  // namespace
}  // namespace presenter::testing
