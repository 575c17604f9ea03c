#include "bench/load_generator/echo_client.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "bench/load_generator/first_packet.hpp"

namespace presenter::bench {

namespace {

constexpr std::size_t echo_in_flight_max = 1'024;
constexpr std::size_t frame_header_bytes = 4;

std::size_t next_message_bytes(client_surroundings& around) {
  const load_options& options = around.options;
  if (options.has_own_message) return options.pattern->period();
  return static_cast<std::size_t>(options.message_bytes.at(around.random_share()));
}

std::size_t message_bytes_max(const load_options& options) {
  if (options.has_own_message) return options.pattern->period();
  return static_cast<std::size_t>(options.message_bytes.greatest());
}

std::array<std::byte, frame_header_bytes> frame_header(std::size_t body_bytes) {
  std::array<std::byte, frame_header_bytes> header;
  for (std::size_t i = 0; i < header.size(); ++i)
    header[i] = static_cast<std::byte>(body_bytes >> (24 - 8 * i));
  return header;
}

}  // namespace

void echo_client::encode_first_packet(byte_buffer& out) {
  append_first_packet(around_.options, around_.codec, number_, out);
  if (around_.options.answer == first_answer::echo)
    first_packet_.assign(out.bytes().begin(), out.bytes().end());
}

bool echo_client::take_first_packet(std::span<const std::byte>& bytes) {
  const auto n = std::min(bytes.size(), first_packet_.size());
  const auto end = first_packet_.begin() + static_cast<std::ptrdiff_t>(n);
  if (!std::equal(first_packet_.begin(), end, bytes.begin())) return false;
  first_packet_.erase(first_packet_.begin(), end);
  bytes = bytes.subspan(n);
  return true;
}

void echo_client::give_up_with_exception(std::span<const std::byte> bytes) {
  const auto body = bytes.subspan(std::min(frame_header_bytes, bytes.size()));
  const auto answer = around_.codec.decode(body);
  const auto* const exception =
      answer ? std::get_if<chat_backend::exception_reply>(&answer->content) : nullptr;
  if (exception != nullptr) ++around_.statistics.exceptions[exception->text];
  give_up("first packet not echoed");
}

bool echo_client::take_answer(std::span<const std::byte>& bytes) {
  switch (around_.options.answer) {
    case first_answer::echo:
      if (!take_first_packet(bytes)) {
        give_up_with_exception(bytes);
        return false;
      }
      if (!first_packet_.empty()) return true;
      first_packet_.shrink_to_fit();
      break;
    case first_answer::frame: {
      // Nothing follows it: no message is sent before.
      const auto found = frames_.count(bytes);
      bytes = {};
      if (!found) {
        give_up("impossible frame length");
        return false;
      }
      if (*found == 0) return true;
      break;
    }
    case first_answer::any:
    case first_answer::none:
      bytes = {};
      break;
  }
  mark_served();
  return true;
}

void echo_client::on_bytes(std::span<const std::byte> bytes) {
  if (!is_answered_ && !take_answer(bytes)) return;
  if (bytes.empty()) return;
  if (around_.options.has_frames) {
    take_frames(bytes);
  } else {
    take_echo(bytes);
  }
}

void echo_client::take_echo(std::span<const std::byte> bytes) {
  const auto expected = around_.options.pattern->at(received_bytes_, bytes.size());
  const bool surplus = received_bytes_ + bytes.size() > sent_bytes_;
  if (surplus || std::memcmp(bytes.data(), expected.data(), bytes.size()) != 0) {
    ++around_.statistics.messages.corrupted;
    return give_up("echo differs");
  }
  received_bytes_ += bytes.size();
  while (!in_flight_.empty() && received_bytes_ >= in_flight_.front().end)
    complete_oldest();
  go_on();
}

void echo_client::take_frames(std::span<const std::byte> bytes) {
  const auto found = frames_.count(bytes);
  if (!found) return give_up("impossible frame length");
  for (std::size_t i = 0; i < *found; ++i) {
    if (in_flight_.empty()) {
      ++around_.statistics.messages.unexpected;
    } else {
      complete_oldest();
    }
  }
  go_on();
}

void echo_client::complete_oldest() {
  around_.live.times.latency.record(std::chrono::steady_clock::now() - in_flight_.front().due);
  in_flight_.pop_front();
  ++around_.statistics.messages.acknowledged;
  ++around_.statistics.messages.delivered;
  bump(around_.live.delivered);
}

void echo_client::go_on() {
  if (is_sending()) fill_window();
  resume_sending();
}

bool echo_client::can_send() const {
  return in_flight_.size() < echo_in_flight_max && has_room_for(message_bytes_max(around_.options));
}

void echo_client::fill_window() {
  while (is_served() && in_flight_.size() < around_.options.window && can_send())
    send_message(std::chrono::steady_clock::now());
}

void echo_client::on_served() {
  is_answered_ = true;
  if (is_sending()) fill_window();
}

void echo_client::on_traffic_started() {
  fill_window();
}

void echo_client::send_message(steady_time due) {
  if (!is_served()) {
    ++around_.statistics.skipped;
    return;
  }
  const load_options& options = around_.options;
  const std::size_t bytes = next_message_bytes(around_);
  const std::uint64_t begin = sent_bytes_;
  sent_bytes_ += bytes;
  in_flight_.push_back({due, sent_bytes_});
  ++around_.statistics.messages.sent;
  around_.statistics.bytes_sent += bytes;
  bump(around_.live.sent);
  if (!options.has_frames || options.has_own_message)
    return send(options.pattern->at(begin, bytes));
  around_.scratch.clear();
  around_.scratch.append(frame_header(bytes - frame_header_bytes));
  around_.scratch.append(options.pattern->at(begin, bytes - frame_header_bytes));
  send(around_.scratch.bytes());
}

void echo_client::on_disconnected() {
  around_.statistics.messages.interrupted += in_flight_.size();
  in_flight_.clear();
  sent_bytes_ = received_bytes_ = 0;
  is_answered_ = false;
  frames_.reset();
}

void echo_client::finish_statistics() {
  around_.statistics.messages.lost += in_flight_.size();
}

}  // namespace presenter::bench
