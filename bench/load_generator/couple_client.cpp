#include "bench/load_generator/couple_client.hpp"

#include <algorithm>
#include <variant>

#include "bench/load_generator/message_body.hpp"

namespace presenter::bench {

using namespace chat_backend;

namespace {

// seqid of history calls; those of `send` are the message's sequence, from 1.
constexpr std::int32_t history_seqid = 0;
constexpr std::int32_t history_page_messages = 500;

// Envelope, client_id and field headers around a body.
constexpr std::size_t send_overhead_bytes = 64;

std::int64_t nanoseconds_of(steady_time time) {
  return time.time_since_epoch().count();
}

}  // namespace

delivery_checker::server_number server_names::number_of(const std::string& name) {
  const auto known = std::ranges::find(names_, name);
  const auto number = static_cast<delivery_checker::server_number>(known - names_.begin());
  if (known == names_.end()) names_.push_back(name);
  return number;
}

couple_client::couple_client(client_surroundings& around, server_names& servers,
                             couple_record& couple, std::uint32_t side, std::size_t gateway)
    : load_client(around, std::size_t{couple.number} * 2 + side, gateway),
      servers_(servers),
      couple_(couple),
      side_(side) {}

void couple_client::encode_first_packet(byte_buffer& out) {
  has_conversation_ended_ = false;
  authenticate_call call;
  call.request.couple_id = around_.options.couple_id(couple_.number);
  call.request.user_id = side_ == 0 ? "a" : "b";
  call.request.token = "demo";
  around_.codec.encode({around_.options.encoding, 0}, call, out);
}

void couple_client::on_disconnected() {
  has_conversation_ended_ = true;
  is_catching_up_ = false;
  catch_up_target_ = 0;
  partial_.release();
  outgoing().on_sender_disconnected();
}

void couple_client::on_bytes(std::span<const std::byte> bytes) {
  if (partial_.empty()) {
    const std::size_t used = handle_packets(bytes);
    if (!has_conversation_ended_) partial_.append(bytes.subspan(used));
    return;
  }
  partial_.append(bytes);
  const std::size_t used = handle_packets(partial_.bytes());
  if (has_conversation_ended_) return;
  partial_.consume(used);
  if (partial_.empty()) partial_.release();
}

std::size_t couple_client::handle_packets(std::span<const std::byte> bytes) {
  std::size_t used = 0;
  while (true) {
    const auto found = next_packet(bytes.subspan(used));
    if (found && !*found) return used;
    if (!found) {
      give_up("impossible packet length");
      return used;
    }
    const auto decoded = around_.codec.decode(**found);
    used += 4 + (*found)->size();
    if (!decoded) {
      give_up("malformed packet");
      return used;
    }
    const auto serve = [&]<class Content>(const Content& content) {
      if constexpr (requires { handle(*decoded, content); }) {
        handle(*decoded, content);
      } else {
        give_up("unexpected packet");
      }
    };
    std::visit(serve, decoded->content);
    if (has_conversation_ended_) return used;
  }
}

void couple_client::handle(const packet&, const authenticate_reply& reply) {
  enter_server(reply.result);
  mark_served();
  if (reply.result.last_sequence > seen_[history_]) start_catching_up(reply.result.last_sequence);
}

void couple_client::enter_server(const chat::AuthResult& result) {
  const auto entered = servers_.number_of(result.server);
  const auto history = result.__isset.history ? servers_.number_of(result.history) : entered;
  if (!knows_server_) {
    ++around_.statistics.streams_first_server[result.server];
  } else {
    if (entered != server_)
      ++around_.statistics.moves[servers_.name_of(server_) + " > " + result.server];
    if (history != history_) incoming().on_receiver_moved(history_, history);
  }
  knows_server_ = true;
  server_ = entered;
  history_ = history;
  auto& seen = seen_[history];
  if (result.last_sequence < seen) {
    incoming().on_memory_lost(history);
    seen = 0;
  }
}

bool couple_client::note_sequence(sequence_number sequence) {
  auto& seen = seen_[history_];
  if (is_catching_up_) {
    catch_up_target_ = std::max(catch_up_target_, sequence);
    return false;
  }
  if (sequence == seen + 1) {
    seen = sequence;
    return true;
  }
  if (sequence > seen) start_catching_up(sequence);
  return false;
}

void couple_client::start_catching_up(sequence_number target) {
  is_catching_up_ = true;
  catch_up_target_ = target;
  ask_history();
}

void couple_client::ask_history() {
  around_.scratch.clear();
  around_.codec.encode({around_.options.encoding, history_seqid},
                       history_call{seen_[history_], history_page_messages}, around_.scratch);
  if (!has_room_for(around_.scratch.size())) return give_up("gateway does not read");
  send(around_.scratch.bytes());
}

void couple_client::handle(const packet&, const history_reply& reply) {
  auto& seen = seen_[history_];
  for (const chat::Message& message : reply.messages) {
    if (message.sequence > seen + 1) ++around_.statistics.history_gaps;
    seen = std::max(seen, message.sequence);
    check_message(message, /*is_live=*/false);
  }
  if (reply.messages.empty() && seen < catch_up_target_) {
    ++around_.statistics.history_gaps;
    seen = catch_up_target_;
  }
  if (seen < catch_up_target_) return ask_history();
  is_catching_up_ = false;
}

void couple_client::handle(const packet& call, const send_reply& reply) {
  outgoing().on_acknowledged(static_cast<std::uint64_t>(call.id.sequence), history_);
  note_sequence(reply.sequence);
}

void couple_client::handle(const packet&, const deliver_call& call) {
  const bool is_old = !is_catching_up_ && call.message.sequence <= seen_[history_];
  if (note_sequence(call.message.sequence) || is_old) {
    check_message(call.message, /*is_live=*/true);
  } else {
    // It comes again, in its place, with the history that was asked for.
    ++around_.statistics.history_overlaps;
  }
}

void couple_client::check_message(const chat::Message& message, bool is_live) {
  const auto facts = read_body(message.body);
  if (!facts || facts->sequence != static_cast<std::uint64_t>(message.client_id)) {
    return incoming().on_corrupted();
  }
  if (facts->couple != couple_.number || (is_live && facts->side == side_)) {
    return incoming().on_unexpected();
  }
  if (facts->side == side_) return outgoing().on_acknowledged(facts->sequence, history_);
  check_arrival(facts->sequence, facts->sent_ns, is_live);
}

void couple_client::check_arrival(std::uint64_t sequence, std::int64_t sent_ns, bool is_live) {
  const arrival how = incoming().on_delivered(sequence);
  if (how == arrival::duplicated || how == arrival::unexpected) return;
  bump(around_.live.delivered);
  if (!is_live) {
    ++around_.statistics.delivered_by_history;
    return;
  }
  const std::int64_t now_ns = nanoseconds_of(std::chrono::steady_clock::now());
  around_.live.times.latency.record(std::chrono::nanoseconds(now_ns - sent_ns));
}

void couple_client::handle(const packet&, const refused_reply& reply) {
  on_exception(reply.why);
}

void couple_client::handle(const packet&, const exception_reply& reply) {
  on_exception(reply.text);
}

void couple_client::on_exception(const std::string& text) {
  ++around_.statistics.exceptions[text];
  give_up("answered with an exception");
}

void couple_client::send_message(steady_time due) {
  const auto bytes =
      static_cast<std::size_t>(around_.options.message_bytes.at(around_.random_share()));
  if (!is_served() || is_catching_up_ || !has_room_for(bytes + send_overhead_bytes)) {
    ++around_.statistics.skipped;
    return;
  }
  const std::uint64_t sequence = outgoing().next_sequence();
  outgoing().on_sent();
  bump(around_.live.sent);
  around_.statistics.bytes_sent += bytes;
  write_body({couple_.number, side_, sequence, nanoseconds_of(due)}, bytes, body_);
  around_.scratch.clear();
  around_.codec.encode_send({around_.options.encoding, static_cast<std::int32_t>(sequence)},
                            static_cast<std::int64_t>(sequence), body_, around_.scratch);
  send(around_.scratch.bytes());
}

void couple_client::finish_statistics() {
  around_.statistics.messages += outgoing().finish();
  for (const auto& [server, count] : outgoing().lost_by_server())
    around_.statistics.lost_by_server[servers_.name_of(server)] += count;
  if (is_served()) ++around_.statistics.streams_per_server[servers_.name_of(server_)];
}

}  // namespace presenter::bench
