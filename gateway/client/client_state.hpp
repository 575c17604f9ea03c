// All there is of a client between two turns, for a process that is handed its descriptor. Plain
// values: what many clients have in common stands once in client_tables, and they say its place.
// See: gateway/upgrade/README.md.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop/deadline_wheel.hpp"
#include "gateway/client/short_time.hpp"
#include "gateway/relay/relay_state.hpp"
#include "gateway/tls/tls_channel_state.hpp"
#include "gateway/vocabulary/client_phase.hpp"
#include "gateway/vocabulary/close_reason.hpp"
#include "protocol/wire/mux_frame.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

struct client_tables {
  std::vector<std::shared_ptr<const shard_router::backend_entry>> backends;
  std::vector<protocol::tls_facts> facts;
};

// A client's stream, and which link of the worker has it.
struct stream_place {
  std::size_t link = 0;
  protocol::stream_id stream;
};

// What its backend has deposited.
struct deposit_values {
  std::int64_t consumed = 0;
  std::int64_t produced = 0;
  std::string state;
};

// As in opened_as.
struct opened_state {
  std::string key;
  std::size_t facts = 0;
  std::optional<deposit_values> deposited;
};

// Clocks: steady ones, which all processes of a machine share. Life: moved; wipes its keys.
struct client_state {
  int descriptor = -1;
  boost::asio::ip::tcp::endpoint peer;
  std::uint64_t number = 0;
  steady_time accepted_at;
  steady_time idle_since;
  short_time handshake_took;
  short_time opening_took;
  client_phase phase = client_phase::relaying;  // or first_packet, stranded, closing
  std::optional<steady_time> deadline;
  bool expects_progress = false;
  bool has_turn = false;  // it waits for its next turn of the loop
  bool has_reason = false;
  close_reason reason = close_reason::internal;
  bool is_close_notify_sent = false;
  bool is_fin_sent = false;
  tls_channel_state tls;
  // In the phase first_packet: what there is of it.
  byte_buffer packet;
  std::size_t facts = 0;
  // Later.
  std::uint64_t ring_hash = 0;
  std::optional<std::size_t> backend;
  std::optional<opened_state> opened;
  std::optional<stream_place> stream;
  relay_state relay;
};

}  // namespace presenter::gateway
