// What the command line asks for. One struct for all three kinds of load; main.cpp fills it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/load_generator/gateway_address.hpp"
#include "bench/load_generator/tls_client.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::bench {

enum class load_kind { chat, echo, idle };

struct load_options {
  load_kind kind = load_kind::chat;
  std::vector<gateway_address> gateways;
  std::size_t clients = 1'000;
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
  double rate = 1;                  // messages per second per client; 0 sends none
  std::size_t window = 0;           // echo: messages in flight instead of a rate; 0 = by rate
  std::size_t message_bytes = 128;  // of the body
  protocol::thrift_encoding encoding = protocol::thrift_encoding::binary;
  tls_settings tls;
  std::size_t threads = 1;
  double connect_rate = 500;         // new TLS connections per second while starting
  std::size_t source_addresses = 0;  // 0: not bound
  std::string run_name;              // first part of every couple_id, so that runs do not meet
  std::vector<std::string> keys;     // in place of such couple_ids; empty: none, else enough
  std::chrono::nanoseconds drain_deadline = std::chrono::seconds(10);
  // Over what the connect rate needs by itself.
  std::chrono::nanoseconds connect_deadline = std::chrono::seconds(30);
  bool shows_progress = true;

  std::string couple_id(std::size_t number) const {
    return keys.empty() ? run_name + "-" + std::to_string(number) : keys[number];
  }
};

}  // namespace presenter::bench
