// A client that is served and then says nothing: for memory per client and for holding very many.
#pragma once

#include "bench/load_generator/load_client.hpp"

namespace presenter::bench {

class hold_client : public load_client {
 public:
  using load_client::load_client;

 private:
  void encode_first_packet(byte_buffer& out) override;
  // The first bytes back, a chat server's answer or an echo; an exception is none.
  void on_bytes(std::span<const std::byte>) override;
};

}  // namespace presenter::bench
