// Ends of a link on which streams can be handed over, and a pair of them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "tests/support/frame_script.hpp"
#include "tests/support/mux_end.hpp"

namespace presenter::testing {

inline constexpr std::int32_t deposit_bytes = 8;

inline protocol::mux_options handoff_options(protocol::link_role role) {
  protocol::mux_options options = mux_options_for(role);
  options.hello.features = protocol::features::handoff | protocol::features::notice;
  if (role == protocol::link_role::gateway) options.hello.deposit_bytes_max = deposit_bytes;
  return options;
}

inline std::unique_ptr<mux_end> handoff_end(protocol::link_role role) {
  return mux_end::ready(handoff_options(role), handoff_options(other_role(role)).hello);
}

inline constexpr protocol::checkpoint_frame checkpoint_of(std::int64_t stream,
                                                          std::int64_t consumed,
                                                          std::int64_t produced,
                                                          std::string_view state) {
  return {{stream}, consumed, produced, state, {}, false, false};
}

// Stream 1 of a link, seen from either end: it is accepted, and nothing is left to read.
struct handoff_fixture : ::testing::Test {
  std::unique_ptr<mux_end> gateway;
  std::unique_ptr<mux_end> backend;

  void SetUp() override { open_both(); }
  void open_both() {
    gateway = handoff_end(protocol::link_role::gateway);
    gateway->open();
    gateway->feed(frame_script().accept(1));
    gateway->written();
    gateway->told();
    backend = handoff_end(protocol::link_role::backend);
    backend->feed(frame_script().open(1, "k"));
    backend->written();
    backend->told();
  }
  void hand_off() {
    gateway->core.hand_off({1}, protocol::handoff_reason::draining, 43,
                           std::chrono::milliseconds(70));
  }
};

}  // namespace presenter::testing
