// One schedule, drawn from one seed: two ends, two wires, a virtual clock, and the invariants,
// which are looked at after every step. See README.md for what they are.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/mux/mux_core.hpp"
#include "tests/simulation/dice.hpp"
#include "tests/simulation/schedule_plan.hpp"
#include "tests/simulation/simulated_end.hpp"
#include "tests/simulation/simulated_wire.hpp"
#include "tests/support/mux_pair.hpp"

namespace presenter::testing {

// Bytes at which a schedule is disturbed on purpose, counted per direction. −1: never.
struct disturbance {
  std::int64_t cut_after_bytes = -1;    // the link fails when so many bytes have arrived
  std::int64_t split_after_bytes = -1;  // no piece crosses this byte
  bool towards_backend = true;
};

// Life: one run() each. Reports by GoogleTest, and stops at the first failure.
class simulator {
 public:
  simulator(std::uint64_t seed, coverage& seen, const disturbance& disturb = {});

  // False after a failure.
  bool run();

  int step() const { return step_; }
  // Bytes that arrived, for schedules that are to be cut at each of them.
  std::int64_t arrived_at_backend() const { return to_backend_.arrived; }
  std::int64_t arrived_at_gateway() const { return to_gateway_.arrived; }

 private:
  // One direction: what a transport holds at either end of a wire.
  struct direction {
    direction(simulated_end& from_, simulated_end& to_, const schedule_plan& plan)
        : from(from_), to(to_), wire(plan.socket_bytes, plan.delay_ms_max), audit(to_.ours) {}
    simulated_end& from;
    simulated_end& to;
    protocol::mux_output in_flight;  // taken from the core, not yet on the wire
    simulated_wire wire;
    std::vector<std::byte> held;  // arrived; part of a frame
    direction_audit audit;
    std::int64_t arrived = 0;
    std::size_t streams_at_take = 0;  // that had been opened when output was taken last
    std::size_t known_at_take = 0;    // that the core still had then
  };

  void take_step();
  void disturb_link();
  bool push(direction& way, std::size_t most);
  bool deliver(direction& way, std::size_t most, std::int64_t until);
  void take_output(direction& way);
  void audit_output(direction& way);
  void check_bounds(direction& way);
  void pass_time(std::int64_t ms);

  void cut();
  void close_both();
  void close_first(direction& last_words, direction& lost);
  void fall_silent();
  void run_until_quiet(bool lifted);
  bool round(bool lifted);
  void settle();
  void check_unstalled_done();
  void check_all_done();
  void check_stream(const scripted_stream& from, const scripted_stream& to);

  direction& other(const direction& way) {
    return &way == &to_backend_ ? to_gateway_ : to_backend_;
  }
  protocol::mux_clock::time_point now() const;
  static bool is_failed() { return ::testing::Test::HasFailure(); }

  dice chance_;
  const schedule_plan plan_;
  coverage& seen_;
  const disturbance disturb_;
  simulated_end gateway_;
  simulated_end backend_;
  direction to_backend_;
  direction to_gateway_;
  std::int64_t now_ms_ = 0;
  std::int64_t next_tick_ms_ = 0;
  int step_ = 0;
  bool is_cut_ = false;
  const bool trace_;
};

}  // namespace presenter::testing
