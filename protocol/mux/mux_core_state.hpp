// All there is of a gateway's end of a link between two turns, as plain values: another core can go
// on with it, in another process too. See: gateway/upgrade/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_buffer.hpp"
#include "protocol/mux/credit_window.hpp"
#include "protocol/mux/link_liveness.hpp"
#include "protocol/mux/stream_table.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::protocol {

// As in mux_stream_state.
struct mux_stream_values {
  stream_id stream;
  bool has_user = false;  // who is to attach to it
  std::int32_t send_available = 0;
  receive_window::parts receive;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  direction_state local = direction_state::open;
  direction_state remote = direction_state::open;
  handoff_state handoff = handoff_state::none;
  bool is_accepted = false;
  bool was_told_end = false;
  bool wants_turn = false;
  bool is_silent = false;
  bool is_deposit_exact = false;
  bool operator==(const mux_stream_values&) const = default;
};

// A gateway's end has no Checkpoint of its own to send. All waits and rates begin anew.
struct mux_core_state {
  hello_frame hello;  // what this side has announced
  hello_frame peer;
  stream_id highest_opened;
  std::vector<mux_stream_values> streams;
  std::vector<stream_id> turns;       // those who wait for one, in their order
  std::vector<stream_id> credit_due;  // in its order
  std::int32_t link_send_available = 0;
  receive_window::parts link_receive;
  byte_buffer control;  // output that nobody has taken
  byte_buffer data;
  std::uint64_t finishes_queued = 0;
  std::uint64_t commands_queued = 0;
  std::uint64_t streams_at_take = 0;
  std::optional<std::int64_t> pong_due;
  link_liveness::carried liveness;
  bool has_sent_go_away = false;
  bool has_received_go_away = false;
};

// Whether a core can go on with it, whoever wrote it: numbers are in their range, streams stand in
// it once, and what it says of them is possible. The Hellos have been checked as those of peers
// are. errc::field_invalid.
boost::system::error_code check(const mux_core_state& state);

}  // namespace presenter::protocol
