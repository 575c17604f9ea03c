// A client of a backend that sends every byte back: checks each byte and times each message. By
// rate, or with a fixed number of messages in flight. It works the same through any TLS proxy.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bench/load_generator/load_client.hpp"

namespace presenter::bench {

// Bounds: echo_in_flight_max messages; what is due beyond that is skipped and counted.
class echo_client : public load_client {
 public:
  using load_client::load_client;

  std::size_t outstanding() const override { return is_served() ? in_flight_.size() : 0; }
  void finish_statistics() override;

 private:
  void encode_first_packet(byte_buffer& out) override;
  void on_bytes(std::span<const std::byte>) override;
  void send_message() override;
  void on_disconnected() override;
  void on_traffic_started() override;

  void fill_window();
  // Takes the first packet's echo off the front of `bytes`; false when it differs.
  bool take_first_packet(std::span<const std::byte>& bytes);
  void complete_messages();

  std::vector<std::byte> first_packet_;  // what of it has not come back yet
  std::uint64_t sent_bytes_ = 0;         // of messages, in this conversation
  std::uint64_t received_bytes_ = 0;
  std::uint64_t next_end_ = 0;         // received_bytes_ at which the oldest message is whole
  std::deque<steady_time> in_flight_;  // when each was sent, oldest first
};

}  // namespace presenter::bench
