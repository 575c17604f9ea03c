// A client of the chat service without a session: what it gets is looked at packet by packet.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/chat_backend/chat_service.hpp"

namespace presenter::chat_backend {

class fake_client : public chat_client {
 public:
  // Everything written to it since the last call.
  std::vector<packet> received() {
    std::vector<packet> packets;
    byte_buffer bytes;
    const std::string unwritten = out().take();
    bytes.append(std::as_bytes(std::span(unwritten)));
    while (const auto found = *next_packet(bytes.bytes())) {
      packets.push_back(codec_.decode(*found).value());
      bytes.consume(found->size() + 4);
    }
    return packets;
  }
  bool replaced = false;
  int wakes = 0;

 private:
  void on_output() override { ++wakes; }
  void on_replaced() override { replaced = true; }
  packet_codec codec_;
};

}  // namespace presenter::chat_backend
