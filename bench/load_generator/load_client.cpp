#include "bench/load_generator/load_client.hpp"

#include <algorithm>

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

// From the start of the TCP connect to the answer to the first packet.
constexpr auto attempt_deadline = 15s;

// Pauses before connecting again: 100 ms, doubled each time, up to 5 s, each half to one and a half
// of that, so that a crowd that was cut off at once does not come back at once.
constexpr std::chrono::nanoseconds first_pause = 100ms;
constexpr std::chrono::nanoseconds longest_pause = 5s;

constexpr std::uint64_t timer_kinds = 4;

std::chrono::nanoseconds scaled(std::chrono::nanoseconds duration, double factor) {
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(duration.count()) * factor));
}

double random_share(std::minstd_rand& random) {
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

load_client::load_client(client_surroundings& around, std::size_t number, std::size_t gateway)
    : around_(around),
      number_(number),
      channel_(around.loop, around.tls, *this),
      gateway_(gateway) {
  if (around.options.rate > 0) message_interval_ = scaled(1s, 1 / around.options.rate);
}

const gateway_address& load_client::gateway() const {
  const auto& all = around_.options.gateways;
  return all[gateway_ % all.size()];
}

void load_client::start_at(steady_time when) {
  set_timer(timer_kind::connect, when);
}

void load_client::set_timer(timer_kind kind, steady_time when) {
  const std::uint64_t timer = attempt_ * timer_kinds + static_cast<std::uint64_t>(kind);
  around_.loop.call_at(when, *this, timer);
}

void load_client::on_timer(std::uint64_t timer) {
  const bool is_of_this_attempt = timer / timer_kinds == attempt_;
  switch (static_cast<timer_kind>(timer % timer_kinds)) {
    case timer_kind::connect:
      if (phase_ == phase::waiting) connect();
      break;
    case timer_kind::deadline:
      if (!is_of_this_attempt) break;
      if (phase_ == phase::connecting || phase_ == phase::awaiting_reply)
        give_up("no answer in time");
      break;
    case timer_kind::message:
      on_message_due();
      break;
  }
}

void load_client::connect() {
  ++attempt_;
  phase_ = phase::connecting;
  set_timer(timer_kind::deadline, around_.loop.now() + attempt_deadline);
  const std::size_t sources = around_.options.source_addresses;
  channel_.open(gateway(), sources == 0 ? 0 : number_ % sources + 1);
}

void load_client::connect_later() {
  phase_ = phase::waiting;
  const unsigned doublings = std::min(failures_in_a_row_, 10U);
  const auto pause = std::min(first_pause * (1U << doublings), longest_pause);
  ++failures_in_a_row_;
  set_timer(timer_kind::connect,
            around_.loop.now() + scaled(pause, 0.5 + random_share(around_.random)));
}

void load_client::on_channel_open() {
  opened_at_ = std::chrono::steady_clock::now();
  auto& statistics = around_.statistics;
  statistics.connect.record(channel_.connected_at() - channel_.connect_started());
  statistics.handshake.record(opened_at_ - channel_.connected_at());
  phase_ = phase::awaiting_reply;
  around_.scratch.clear();
  encode_first_packet(around_.scratch);
  channel_.send(around_.scratch.bytes());
}

void load_client::on_channel_bytes(std::span<const std::byte> bytes) {
  on_bytes(bytes);
}

void load_client::mark_served() {
  if (phase_ != phase::awaiting_reply) return;
  phase_ = phase::served;
  failures_in_a_row_ = 0;
  around_.statistics.first_reply.record(std::chrono::steady_clock::now() - opened_at_);
  bump(around_.live.online);
  if (was_served_) {
    ++around_.statistics.reconnects;
  } else {
    was_served_ = true;
    ++around_.statistics.clients_served;
    bump(around_.live.served);
  }
}

void load_client::leave_phase(std::string_view reason) {
  const bool was_online = phase_ == phase::served;
  auto& counts = was_online ? around_.statistics.disconnects : around_.statistics.failures;
  ++counts[std::string(reason)];
  if (was_online) {
    bump(around_.live.online, std::int64_t{-1});
    bump(around_.live.disconnects);
  } else {
    ++gateway_;  // another gateway may do better
  }
  on_disconnected();
}

void load_client::on_channel_closed(std::string_view reason) {
  if (phase_ == phase::closing) {
    phase_ = phase::closed;
    return;
  }
  leave_phase(reason);
  connect_later();
}

void load_client::give_up(std::string_view failure) {
  channel_.abandon();
  leave_phase(failure);
  connect_later();
}

void load_client::close() {
  const bool was_online = phase_ == phase::served;
  if (was_online) bump(around_.live.online, std::int64_t{-1});
  phase_ = was_online ? phase::closing : phase::closed;
  channel_.close_cleanly();
  if (channel_.current_state() == gateway_channel::state::closed) phase_ = phase::closed;
}

void load_client::start_traffic() {
  is_sending_ = true;
  on_traffic_started();
  if (message_interval_ == 0ns || around_.options.window != 0) return;
  // Spread over the first interval, so that the clients do not all send at once.
  next_message_ = around_.loop.now() + scaled(message_interval_, random_share(around_.random));
  set_timer(timer_kind::message, next_message_);
}

void load_client::on_message_due() {
  if (!is_sending_) return;
  while (next_message_ <= around_.loop.now()) {
    next_message_ += message_interval_;
    send_message();
  }
  set_timer(timer_kind::message, next_message_);
}

}  // namespace presenter::bench
