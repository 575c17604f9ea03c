// A client in memory: bytes it has sent wait in `input`, bytes it was sent are in `received`, and
// it takes only as many as `room` allows. It writes down what the relay tells it.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "gateway/relay/relay.hpp"

namespace presenter::testing {

// Life: outlives its relay. Confined to: the test.
class memory_client final : public gateway::client_end {
 public:
  gateway::client_io_result read(std::span<std::byte> into) override {
    ++reads;
    bytes_asked_max = std::max(bytes_asked_max, into.size());
    if (input.empty()) return {end, 0};
    const std::size_t n = std::min(into.size(), input.size());
    std::memcpy(into.data(), input.data(), n);
    input.erase(0, n);
    return {gateway::client_io::ok, n};
  }

  gateway::client_io_result write(std::span<const std::byte> bytes) override {
    if (write_failure != gateway::client_io::ok) return {write_failure, 0};
    const std::size_t n = std::min(bytes.size(), room);
    if (n == 0) return {gateway::client_io::blocked, 0};
    ++writes;
    room -= n;
    received.append(reinterpret_cast<const char*>(bytes.data()), n);
    return {gateway::client_io::ok, n};
  }

  gateway::client_io finish_writing() override {
    if (room == 0) return gateway::client_io::blocked;
    finished = true;
    return gateway::client_io::ok;
  }

  bool has_input() const override { return !input.empty() || end != gateway::client_io::blocked; }
  void read_again_later() override { ++wants_turn; }
  void expect_progress(std::chrono::milliseconds) override {
    ++limits_set;
    limit_runs = true;
  }
  void expect_nothing() override { limit_runs = false; }

  // As a session: the packet goes ahead of all else, however long it takes.
  void send_packet() {
    const auto bytes = std::as_bytes(std::span(packet.data(), packet.size()));
    packet.remove_prefix(relay->send_packet(bytes));
    begin_if_whole();
  }
  void on_stream_accepted() override {
    accepted = true;
    begin_if_whole();
  }
  void on_stream_writable() override { send_packet(); }
  void on_stream_refused(const protocol::refuse_frame& refusal) override {
    tell("refused " + std::string(name_of(gateway::close_reason_of(refusal.reason))));
  }
  void on_stream_lost_unaccepted() override { tell("lost unaccepted"); }
  bool on_stream_lost(bool is_deposit_exact) override {
    if (!is_deposit_exact || !keeps_lost) return false;
    tell("lost exact");
    return true;
  }
  void on_stream_checkpoint(const protocol::checkpoint_frame& checkpoint) override {
    unread += checkpoint.unread;
    if (!checkpoint.last) return;
    tell("given up");
    relay->send_rest();
  }
  void on_rest_sent() override { tell("rest sent"); }
  void on_relay_over(gateway::close_reason reason, std::string_view cause) override {
    tell("over " + std::string(name_of(reason)));
    last_cause = cause;
  }

  std::string input;
  gateway::client_io end = gateway::client_io::blocked;  // what reading past `input` gives
  gateway::client_io write_failure = gateway::client_io::ok;
  std::size_t room = static_cast<std::size_t>(-1);

  std::string received;
  std::string told;  // the last word, and all before it
  std::string last_cause;
  std::string unread;  // as the Checkpoints had it
  bool finished = false;
  bool limit_runs = false;
  int limits_set = 0;
  int reads = 0;
  int writes = 0;
  int wants_turn = 0;
  std::size_t bytes_asked_max = 0;
  std::string_view packet;
  bool accepted = false;
  bool keeps_lost = false;  // when a deposit is exact
  gateway::relay* relay = nullptr;

 private:
  void begin_if_whole() {
    if (!accepted || !packet.empty()) return;
    tell("accepted");
    relay->begin();
  }
  void tell(const std::string& word) { told += (told.empty() ? "" : ", ") + word; }
};

}  // namespace presenter::testing
