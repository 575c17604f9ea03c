#include "bench/load_generator/echo_client.hpp"

#include <algorithm>
#include <cstring>

namespace presenter::bench {

namespace {

constexpr std::size_t echo_in_flight_max = 1'024;

// The bytes of a conversation repeat with a prime period, so that a shift of a message, a record or
// a buffer is seen. Any run of up to run_bytes_max is one piece of this table.
constexpr std::size_t period = 251;
constexpr std::size_t run_bytes_max = 64 * 1'024;

const std::vector<std::byte>& pattern() {
  static const std::vector<std::byte> table = [] {
    std::vector<std::byte> bytes(period + run_bytes_max);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>(i % period);
    return bytes;
  }();
  return table;
}

std::span<const std::byte> pattern_at(std::uint64_t position, std::size_t bytes) {
  return {pattern().data() + position % period, bytes};
}

}  // namespace

void echo_client::encode_first_packet(byte_buffer& out) {
  chat_backend::authenticate_call call;
  call.request.couple_id = around_.options.couple_id(number_);
  call.request.user_id = "a";
  call.request.token = "demo";
  around_.codec.encode({around_.options.encoding, 0}, call, out);
  first_packet_.assign(out.bytes().begin(), out.bytes().end());
}

bool echo_client::take_first_packet(std::span<const std::byte>& bytes) {
  const std::size_t n = std::min(bytes.size(), first_packet_.size());
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n),
                  first_packet_.begin())) {
    return false;
  }
  first_packet_.erase(first_packet_.begin(),
                      first_packet_.begin() + static_cast<std::ptrdiff_t>(n));
  bytes = bytes.subspan(n);
  return true;
}

void echo_client::on_bytes(std::span<const std::byte> bytes) {
  if (!first_packet_.empty()) {
    if (!take_first_packet(bytes)) {
      const auto answer =
          around_.codec.decode(bytes.subspan(std::min<std::size_t>(4, bytes.size())));
      const auto* const exception =
          answer ? std::get_if<chat_backend::exception_reply>(&answer->content) : nullptr;
      if (exception != nullptr) ++around_.statistics.exceptions[exception->text];
      return give_up("first packet not echoed");
    }
    if (!first_packet_.empty()) return;
    first_packet_.shrink_to_fit();
    mark_served();
    if (is_sending()) fill_window();
  }
  const auto expected = pattern_at(received_bytes_, bytes.size());
  const bool surplus = received_bytes_ + bytes.size() > sent_bytes_;
  if (surplus || std::memcmp(bytes.data(), expected.data(), bytes.size()) != 0) {
    ++around_.statistics.messages.corrupted;
    return give_up("echo differs");
  }
  received_bytes_ += bytes.size();
  complete_messages();
}

void echo_client::complete_messages() {
  const auto now = std::chrono::steady_clock::now();
  while (!in_flight_.empty() && received_bytes_ >= next_end_) {
    around_.statistics.latency.record(now - in_flight_.front());
    in_flight_.pop_front();
    next_end_ += around_.options.message_bytes;
    ++around_.statistics.messages.acknowledged;
    ++around_.statistics.messages.delivered;
    bump(around_.live.delivered);
  }
  if (is_sending()) fill_window();
}

void echo_client::fill_window() {
  while (is_served() && in_flight_.size() < around_.options.window)
    send_message();
}

void echo_client::on_traffic_started() {
  fill_window();
}

void echo_client::send_message() {
  const std::size_t bytes = around_.options.message_bytes;
  if (!is_served() || in_flight_.size() >= echo_in_flight_max || !has_room_for(bytes)) {
    ++around_.statistics.skipped;
    return;
  }
  if (in_flight_.empty()) next_end_ = sent_bytes_ + bytes;
  in_flight_.push_back(std::chrono::steady_clock::now());
  ++around_.statistics.messages.sent;
  bump(around_.live.sent);
  const auto message = pattern_at(sent_bytes_, bytes);
  sent_bytes_ += bytes;
  send(message);
}

void echo_client::on_disconnected() {
  around_.statistics.messages.interrupted += in_flight_.size();
  in_flight_.clear();
  sent_bytes_ = received_bytes_ = next_end_ = 0;
}

void echo_client::finish_statistics() {
  around_.statistics.messages.lost += in_flight_.size();
}

}  // namespace presenter::bench
