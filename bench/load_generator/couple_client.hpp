// One half of a couple that chats: sends numbered messages to its partner, checks what the partner
// sends, and after a gap or a new TLS connection fetches what it missed from the server's history.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/load_generator/delivery_checker.hpp"
#include "bench/load_generator/load_client.hpp"

namespace presenter::bench {

// Chat servers, and histories that several of them share, by number, in the order in which they
// were first seen. Confined to: one thread.
class server_names {
 public:
  delivery_checker::server_number number_of(const std::string& name);
  const std::string& name_of(delivery_checker::server_number number) const {
    return names_[number];
  }

 private:
  std::vector<std::string> names_;
};

// What the partners share. Life: the worker's, longer than the two clients.
struct couple_record {
  std::uint32_t number = 0;
  std::array<delivery_checker, 2> directions;  // by the side that sends
};

class couple_client : public load_client {
 public:
  // `side` is 0 or 1.
  couple_client(client_surroundings&, server_names&, couple_record&, std::uint32_t side,
                std::size_t gateway);

  std::size_t outstanding() const override { return outgoing().outstanding(); }
  void finish_statistics() override;

 private:
  using sequence_number = std::int64_t;  // the server's, per couple

  void encode_first_packet(byte_buffer& out) override;
  void on_bytes(std::span<const std::byte>) override;
  void send_message(steady_time due) override;
  void on_disconnected() override;

  // Whole packets at the front of `bytes`; how many bytes they were.
  std::size_t handle_packets(std::span<const std::byte> bytes);
  void handle(const chat_backend::packet&, const chat_backend::authenticate_reply&);
  void handle(const chat_backend::packet&, const chat_backend::send_reply&);
  void handle(const chat_backend::packet&, const chat_backend::history_reply&);
  void handle(const chat_backend::packet&, const chat_backend::deliver_call&);
  void handle(const chat_backend::packet&, const chat_backend::refused_reply&);
  void handle(const chat_backend::packet&, const chat_backend::exception_reply&);
  void on_exception(const std::string& text);

  void enter_server(const chat::AuthResult&);
  // True when it is the next one; otherwise the gap is being filled, or it is an old one.
  bool note_sequence(sequence_number);
  void start_catching_up(sequence_number target);
  void ask_history();
  void check_message(const chat::Message&, bool is_live);
  void check_arrival(std::uint64_t sequence, std::int64_t sent_ns, bool is_live);

  delivery_checker& outgoing() const { return couple_.directions[side_]; }
  delivery_checker& incoming() const { return couple_.directions[1 - side_]; }

  server_names& servers_;
  couple_record& couple_;
  const std::uint32_t side_;

  bool knows_server_ = false;
  delivery_checker::server_number server_ = 0;   // where it came to last; it may have been moved
  delivery_checker::server_number history_ = 0;  // the server itself, or one that several share
  // The last sequence seen of each history; without gaps up to there.
  std::map<delivery_checker::server_number, sequence_number> seen_;
  bool is_catching_up_ = false;
  sequence_number catch_up_target_ = 0;
  bool has_conversation_ended_ = false;
  byte_buffer partial_;  // a packet whose rest is still to come
  std::string body_;
};

}  // namespace presenter::bench
