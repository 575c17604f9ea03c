// The simulation of a link, with every core that another process goes on with written and read on
// the way: what the codec forgets, one of the ends notices.
#include <gtest/gtest.h>

#include <iostream>
#include <utility>

#include "gateway/upgrade/link_codec.hpp"
#include "gateway/upgrade/upgrade_codec.hpp"
#include "sample_worker.hpp"
#include "tests/simulation/simulator.hpp"
#include "tests/support/schedules.hpp"

namespace presenter::testing {
namespace {

protocol::mux_core_state written_and_read(protocol::mux_core_state core) {
  gateway::upstream_link_state state;
  state.backend = sample_backend("a");
  state.link.descriptor = 7;
  state.link.core = std::move(core);
  gateway::upgrade_idl::Link written;
  gateway::fill(state, written);
  gateway::upgrade_idl::Link read;
  gateway::decode_struct(gateway::encode_struct(written), read);
  return std::move(gateway::link_of(read).link.core);
}

TEST(SimulatedLink, GoesOnFromWhatWasWrittenAndRead) {
  on_the_way = &written_and_read;
  coverage seen;
  const auto took = run_seeds(2'000, [&seen](std::uint64_t seed) {
    simulator schedule(seed, seen);
    if (schedule.run()) return true;
    std::cout << "replay with PRESENTER_SEED=" << seed << " (step " << schedule.step() << ")\n";
    return false;
  });
  on_the_way = nullptr;
  if (took) {
    EXPECT_GT(seen.replaced, 1'000U);
  }
}

}  // namespace
}  // namespace presenter::testing
