// What the command line asks for. One struct for all kinds of load; command_line.cpp fills it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/load_generator/byte_pattern.hpp"
#include "bench/load_generator/gateway_address.hpp"
#include "bench/load_generator/tls_client.hpp"
#include "bench/load_generator/weighted_choice.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::bench {

enum class load_kind { hold, flood, echo, chat, reconnect, soak };

// What tells that a client is served: its first packet comes back; any bytes come; one frame comes;
// or nothing is waited for.
enum class first_answer { echo, any, frame, none };

// How to find the rate from which on a server no longer keeps up.
struct ramp_options {
  double factor = 1.25;  // from one rate to the next
  std::chrono::nanoseconds step = std::chrono::seconds(5);
  std::chrono::nanoseconds p99_max{0};  // 0: several times that of the first step
};

struct load_options {
  load_kind kind = load_kind::chat;
  std::vector<gateway_address> gateways;
  std::size_t clients = 1'000;
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
  double rate = 1;                // messages per second per client; 0 sends none
  std::size_t window = 0;         // messages in flight instead of a rate; 0 = by rate
  bool is_poisson = false;        // due at random times instead of even ones
  weighted_choice activity{"1"};  // how many times `rate` a client sends; its mean is taken for 1
  weighted_choice message_bytes{"128"};  // of the body
  std::optional<ramp_options> ramp;

  std::vector<std::vector<std::byte>> first_packets;  // client n sends n % size; empty: the demo's
  first_answer answer = first_answer::echo;
  bool has_frames = false;  // each answer is a frame, whatever is in it; else bytes come back
  std::shared_ptr<const byte_pattern> pattern = std::make_shared<byte_pattern>();
  bool has_own_message = false;  // the pattern is one whole message

  unsigned losses = 1;         // reconnect: how often all lose their server
  bool loses_by_hand = false;  // reconnect: somebody else takes the server away, once
  std::chrono::nanoseconds first_pause = std::chrono::milliseconds(100);  // before connecting again
  std::chrono::nanoseconds stay{0};  // mean time until a client leaves and comes again; 0: stays

  protocol::thrift_encoding encoding = protocol::thrift_encoding::binary;
  tls_settings tls;
  std::size_t threads = 1;  // of each process
  std::size_t processes = 1;
  double connect_rate = 500;            // new TLS connections per second while starting
  std::vector<source_address> sources;  // client n comes from n % size; empty: not bound
  std::string run_name;                 // first part of every couple_id, so that runs do not meet
  std::vector<std::string> keys;        // in place of such couple_ids; empty: none, else enough
  std::chrono::nanoseconds drain_deadline = std::chrono::seconds(10);
  // Over what the connect rate needs by itself.
  std::chrono::nanoseconds connect_deadline = std::chrono::seconds(30);
  // From the start of a TCP connect to the answer to the first packet.
  std::chrono::nanoseconds answer_deadline = std::chrono::seconds(15);
  std::chrono::nanoseconds interval = std::chrono::seconds(1);  // of progress, series and log

  bool sends_messages() const { return kind != load_kind::hold && kind != load_kind::reconnect; }

  std::string couple_id(std::size_t number) const {
    return keys.empty() ? run_name + "-" + std::to_string(number) : keys[number];
  }
};

}  // namespace presenter::bench
