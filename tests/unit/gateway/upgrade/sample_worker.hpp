// A worker's state in which no field has the value that it has by default. The golden file of
// version 1 is what was written of it: a value that changes here needs another file beside it, for
// the old one is what old processes write.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "gateway/worker/worker_state.hpp"

namespace presenter::testing {

inline byte_buffer buffer_of(std::string_view text) {
  byte_buffer buffer;
  buffer.append(std::as_bytes(std::span(text)));
  return buffer;
}

inline steady_time at(std::int64_t nanoseconds) {
  return steady_time(std::chrono::nanoseconds(nanoseconds));
}

inline shard_router::backend_entry sample_backend(const char* name) {
  return {.name = name,
          .host = "10.0.0.7",
          .port = 7'001,
          .weight = 3,
          .state = shard_router::backend_state::draining,
          .instance = "8f2c"};
}

inline protocol::hello_frame sample_hello(protocol::link_role role) {
  return {.role = role,
          .node = role == protocol::link_role::gateway ? "gw-1" : "chat-a",
          .map_epoch = 12,
          .stream_window_bytes = 70'000,
          .link_window_bytes = 1'000'000,
          .streams_open_max = 5'000,
          .ping_interval_ms = 4'000,
          .features = protocol::features::handoff | protocol::features::notice,
          .streams_opening_max = 300,
          .deposit_bytes_max = 200};
}

inline protocol::mux_core_state sample_core() {
  using protocol::direction_state;
  protocol::mux_core_state core;
  core.hello = sample_hello(protocol::link_role::gateway);
  core.peer = sample_hello(protocol::link_role::backend);
  core.highest_opened = {9};
  core.streams = {{.stream = {3},
                   .has_user = true,
                   .send_available = 500,
                   .receive = {.size = 70'000, .held_by_peer = 60'000, .owed = 7'000},
                   .sent = 4'000'000'000,
                   .received = 77,
                   .is_accepted = true,
                   .wants_turn = true,
                   .is_deposit_exact = true},
                  {.stream = {5},
                   .has_user = true,
                   .send_available = 0,
                   .receive = {.size = 70'000, .held_by_peer = 30'000, .owed = 35'000},
                   .remote = direction_state::finished,
                   .handoff = protocol::handoff_state::giving,
                   .is_accepted = true,
                   .is_silent = true},
                  {.stream = {8},
                   .send_available = 65'536,
                   .receive = {.size = 70'000, .held_by_peer = 70'000, .owed = 0},
                   .local = direction_state::reset,
                   .was_told_end = true}};
  core.turns = {{3}};
  core.credit_due = {{5}};
  core.link_send_available = 123'456;
  core.link_receive = {.size = 1'000'000, .held_by_peer = 900'000, .owed = 50'000};
  core.control = buffer_of("control frames");
  core.data = buffer_of("data frames");
  core.finishes_queued = 2;
  core.commands_queued = 9;
  core.streams_at_take = 4;
  core.pong_due = 41;
  core.liveness = {.next_ping = 18, .ping_unanswered = 17, .is_failing = true};
  core.has_sent_go_away = true;
  core.has_received_go_away = true;
  return core;
}

inline gateway::upstream_link_state sample_link() {
  gateway::upstream_link_state state;
  state.backend = sample_backend("chat-a");
  state.is_retired = true;
  state.up_since = at(4'000'000'004);
  state.link.descriptor = 31;
  state.link.core = sample_core();
  state.link.partial = buffer_of(std::string_view("\0\0\0\x08\x5c", 5));
  state.link.control_in_flight = buffer_of("half of a frame");
  state.link.data_in_flight = buffer_of("and the data behind it");
  return state;
}

inline gateway::tls_channel_state sample_tls() {
  gateway::tls_channel_state tls;
  auto* const bytes = reinterpret_cast<unsigned char*>(&tls.records);
  for (std::size_t i = 0; i < sizeof(tls.records); ++i)
    bytes[i] = static_cast<unsigned char>(i * 7 + 1);
  tls.input = buffer_of("opened, and a record's beginning");
  tls.unsent = buffer_of("a record for the socket");
  tls.early = buffer_of("early data");
  tls.plaintext_waiting = 3;
  tls.plaintext = 6;
  tls.forgiven_at = 4'000'000'000;
  tls.is_partial = true;
  tls.has_failed = true;
  return tls;
}

// In the middle of relaying.
inline gateway::client_state sample_client() {
  gateway::client_state client;
  client.descriptor = 40;
  client.peer = {boost::asio::ip::make_address("2001:db8::7"), 50'123};
  client.number = 1'234'567;
  client.accepted_at = at(1'000'000'001);
  client.idle_since = at(2'000'000'002);
  client.phase = gateway::client_phase::relaying;
  client.deadline = at(3'000'000'003);
  client.expects_progress = true;
  client.has_turn = true;
  client.is_fin_sent = true;
  client.tls = sample_tls();
  client.ring_hash = 0xfedc'ba98'7654'3210;
  client.backend = 1;
  client.opened = gateway::opened_state{
      .key = "user-17",
      .facts = 1,
      .deposited = gateway::deposit_values{.consumed = 70, .produced = 80, .state = "seat 4"}};
  client.stream = gateway::stream_place{.link = 0, .stream = {3}};
  client.relay = {.for_client = buffer_of("for the client"),
                  .is_client_finished = true,
                  .is_backend_finished = true,
                  .is_client_told = true,
                  .is_blocked_at_client = true,
                  .is_blocked_at_backend = true,
                  .has_limit = true,
                  .end = gateway::close_reason::backend_finished};
  return client;
}

// One with its first packet under way, which is being closed.
inline gateway::client_state sample_newcomer() {
  gateway::client_state client;
  client.descriptor = 41;
  client.peer = {boost::asio::ip::make_address("192.0.2.9"), 443};
  client.phase = gateway::client_phase::first_packet;
  client.has_reason = true;
  client.reason = gateway::close_reason::packet_timeout;
  client.is_close_notify_sent = true;
  client.packet = buffer_of("half a packet");
  client.facts = 1;
  return client;
}

inline gateway::worker_state sample_worker() {
  gateway::worker_state state;
  state.listener = 9;
  state.tag_stem = "gw-1.0.";
  state.sessions_begun = 1'234'568;
  for (const char* name : {"chat-a", "chat-b"}) {
    state.tables.backends.push_back(
        std::make_shared<const shard_router::backend_entry>(sample_backend(name)));
  }
  state.tables.facts = {{},
                        {.version = "TLSv1.3",
                         .suite = "TLS_AES_128_GCM_SHA256",
                         .server_name = "chat.example",
                         .alpn = "chat",
                         .resumed = true,
                         .client_subject = "CN=someone"}};
  state.clients.push_back(sample_client());
  state.clients.push_back(sample_newcomer());
  state.upstream.push_back(sample_link());
  state.counters = {{"presenter_closes_total client_idle", 17}, {"presenter_link_reads_total", 1}};
  state.left_behind = 5;
  return state;
}

}  // namespace presenter::testing
