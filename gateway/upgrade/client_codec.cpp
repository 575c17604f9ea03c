#include "gateway/upgrade/client_codec.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "gateway/upgrade/upgrade_codec.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;

static_assert(sizeof(tls_record_state) % sizeof(std::int64_t) == 0);

asio::ip::tcp::endpoint peer_of(const upgrade_idl::Client& read) {
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(read.address, failed);
  if (failed || read.port < 0 || read.port > 65'535)
    throw std::runtime_error("a client has no address");
  return {address, static_cast<std::uint16_t>(read.port)};
}

client_phase phase_of(std::string_view name) {
  const auto found = std::ranges::find(client_phase_names, name);
  if (found == client_phase_names.end()) throw std::runtime_error("a client's phase is not known");
  return static_cast<client_phase>(found - client_phase_names.begin());
}

// One that this version does not know is its own fault.
close_reason reason_of(std::string_view name) {
  const auto found = std::ranges::find(close_table, name, &close_row::name);
  return found == close_table.end() ? close_reason::internal : found->reason;
}

void fill_tls(const tls_channel_state& tls, upgrade_idl::Client& made) {
  made.records.resize(sizeof(tls.records) / sizeof(std::int64_t));
  std::memcpy(made.records.data(), &tls.records, sizeof(tls.records));
  made.input = bytes_of(tls.input);
  made.unsent = bytes_of(tls.unsent);
  made.early = bytes_of(tls.early);
  made.plaintext_waiting = static_cast<std::int32_t>(tls.plaintext_waiting);
  made.plaintext = static_cast<std::int32_t>(tls.plaintext);
  made.forgiven_at = static_cast<std::int32_t>(tls.forgiven_at);
  made.is_partial = tls.is_partial;
  made.has_failed = tls.has_failed;
}

tls_channel_state tls_of(const upgrade_idl::Client& read) {
  tls_channel_state tls;
  if (read.records.size() * sizeof(std::int64_t) != sizeof(tls.records))
    throw std::runtime_error("a client's records are of another version");
  std::memcpy(&tls.records, read.records.data(), sizeof(tls.records));
  append(tls.input, read.input);
  append(tls.unsent, read.unsent);
  append(tls.early, read.early);
  tls.plaintext_waiting = static_cast<std::uint32_t>(amount_of(read.plaintext_waiting));
  tls.plaintext = static_cast<std::uint32_t>(amount_of(read.plaintext));
  tls.forgiven_at = static_cast<std::uint32_t>(read.forgiven_at);
  tls.is_partial = read.is_partial;
  tls.has_failed = read.has_failed;
  return tls;
}

void fill_opened(const opened_state& opened, upgrade_idl::Opened& made) {
  made.key = opened.key;
  made.facts = static_cast<std::int32_t>(opened.facts);
  if (!opened.deposited) return;
  made.deposited.consumed = opened.deposited->consumed;
  made.deposited.produced = opened.deposited->produced;
  made.deposited.state = opened.deposited->state;
  made.__isset.deposited = true;
}

opened_state opened_of(const upgrade_idl::Opened& read) {
  opened_state opened;
  opened.key = read.key;
  opened.facts = amount_of(read.facts);
  if (read.__isset.deposited) {
    opened.deposited = deposit_values{.consumed = read.deposited.consumed,
                                      .produced = read.deposited.produced,
                                      .state = read.deposited.state};
  }
  return opened;
}

void fill_relay(const relay_state& relay, upgrade_idl::Client& made) {
  made.for_client = bytes_of(relay.for_client);
  made.is_client_finished = relay.is_client_finished;
  made.is_backend_finished = relay.is_backend_finished;
  made.is_client_told = relay.is_client_told;
  made.is_blocked_at_client = relay.is_blocked_at_client;
  made.is_blocked_at_backend = relay.is_blocked_at_backend;
  made.has_limit = relay.has_limit;
  made.end_reason = name_of(relay.end);
}

relay_state relay_of(const upgrade_idl::Client& read) {
  relay_state relay;
  append(relay.for_client, read.for_client);
  relay.is_client_finished = read.is_client_finished;
  relay.is_backend_finished = read.is_backend_finished;
  relay.is_client_told = read.is_client_told;
  relay.is_blocked_at_client = read.is_blocked_at_client;
  relay.is_blocked_at_backend = read.is_blocked_at_backend;
  relay.has_limit = read.has_limit;
  relay.end = reason_of(read.end_reason);
  return relay;
}

}  // namespace

void fill(const protocol::tls_facts& facts, upgrade_idl::Facts& made) {
  made.version = facts.version;
  made.suite = facts.suite;
  made.server_name = facts.server_name;
  made.alpn = facts.alpn;
  made.resumed = facts.resumed;
  made.client_subject = facts.client_subject;
}

protocol::tls_facts facts_of(const upgrade_idl::Facts& read) {
  return {.version = read.version,
          .suite = read.suite,
          .server_name = read.server_name,
          .alpn = read.alpn,
          .resumed = read.resumed,
          .client_subject = read.client_subject};
}

void fill(const client_state& state, upgrade_idl::Client& made) {
  made.descriptor = state.descriptor;
  made.address = state.peer.address().to_string();
  made.port = state.peer.port();
  made.number = static_cast<std::int64_t>(state.number);
  made.accepted_at = count_of(state.accepted_at);
  made.idle_since = count_of(state.idle_since);
  made.handshake_took = state.handshake_took.value();
  made.opening_took = state.opening_took.value();
  made.phase = name_of(state.phase);
  if (state.deadline) made.__set_deadline(count_of(*state.deadline));
  made.expects_progress = state.expects_progress;
  made.has_turn = state.has_turn;
  if (state.has_reason) made.__set_reason(std::string(name_of(state.reason)));
  made.is_close_notify_sent = state.is_close_notify_sent;
  made.is_fin_sent = state.is_fin_sent;
  fill_tls(state.tls, made);
  made.packet = bytes_of(state.packet);
  made.facts = static_cast<std::int32_t>(state.facts);
  made.ring_hash = static_cast<std::int64_t>(state.ring_hash);
  if (state.backend) made.__set_backend(static_cast<std::int32_t>(*state.backend));
  if (state.opened) {
    fill_opened(*state.opened, made.opened);
    made.__isset.opened = true;
  }
  if (state.stream) {
    made.__set_link(static_cast<std::int32_t>(state.stream->link));
    made.stream = state.stream->stream.value;
  }
  fill_relay(state.relay, made);
}

client_state client_of(const upgrade_idl::Client& read) {
  client_state state;
  if (read.descriptor < 0) throw std::runtime_error("a client has no descriptor");
  state.descriptor = read.descriptor;
  state.peer = peer_of(read);
  state.number = amount_of(read.number);
  state.accepted_at = steady_of(read.accepted_at);
  state.idle_since = steady_of(read.idle_since);
  state.handshake_took = short_time::of_value(read.handshake_took);
  state.opening_took = short_time::of_value(read.opening_took);
  state.phase = phase_of(read.phase);
  if (read.__isset.deadline) state.deadline = steady_of(read.deadline);
  state.expects_progress = read.expects_progress;
  state.has_turn = read.has_turn;
  state.has_reason = read.__isset.reason;
  if (state.has_reason) state.reason = reason_of(read.reason);
  state.is_close_notify_sent = read.is_close_notify_sent;
  state.is_fin_sent = read.is_fin_sent;
  state.tls = tls_of(read);
  append(state.packet, read.packet);
  state.facts = amount_of(read.facts);
  state.ring_hash = static_cast<std::uint64_t>(read.ring_hash);
  if (read.__isset.backend) state.backend = amount_of(read.backend);
  if (read.__isset.opened) state.opened = opened_of(read.opened);
  if (read.__isset.link) {
    state.stream =
        stream_place{.link = amount_of(read.link), .stream = protocol::stream_id{read.stream}};
  }
  state.relay = relay_of(read);
  return state;
}

void wipe(upgrade_idl::Client& client) noexcept {
  OPENSSL_cleanse(client.records.data(), client.records.size() * sizeof(std::int64_t));
}

}  // namespace presenter::gateway
