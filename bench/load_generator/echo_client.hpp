// A client of a server that answers each message: with the same bytes, each of which is checked, or
// with a frame of its own. Times each message from when it was due, by rate, or with a fixed number
// of messages in flight. It works the same through any TLS proxy.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bench/load_generator/frame_counter.hpp"
#include "bench/load_generator/load_client.hpp"

namespace presenter::bench {

// Bounds: echo_in_flight_max messages; what is due beyond that waits, and so counts as late.
class echo_client : public load_client {
 public:
  using load_client::load_client;

  std::size_t outstanding() const override { return in_flight_.size(); }
  void finish_statistics() override;

 private:
  struct sent_message {
    steady_time due;
    std::uint64_t end;  // in the conversation's bytes
  };

  void encode_first_packet(byte_buffer& out) override;
  void on_bytes(std::span<const std::byte>) override;
  void send_message(steady_time due) override;
  bool can_send() const override;
  void on_served() override;
  void on_disconnected() override;
  void on_traffic_started() override;

  void fill_window();
  // Takes the answer to the first packet off the front of `bytes`; false when it is none, and the
  // client has given up.
  bool take_answer(std::span<const std::byte>& bytes);
  bool take_first_packet(std::span<const std::byte>& bytes);
  void give_up_with_exception(std::span<const std::byte> bytes);
  void take_echo(std::span<const std::byte> bytes);
  void take_frames(std::span<const std::byte> bytes);
  void complete_oldest();
  // What can follow the completion of some.
  void go_on();

  bool is_answered_ = false;
  std::vector<std::byte> first_packet_;  // what of it has not come back yet
  frame_counter frames_;
  std::uint64_t sent_bytes_ = 0;  // of messages, in this conversation
  std::uint64_t received_bytes_ = 0;
  std::deque<sent_message> in_flight_;  // oldest first
};

}  // namespace presenter::bench
