// Two ways to keep a TLS server at its handshakes: whole ones, in turn, to see what one costs it;
// and ClientHellos as fast as they go, which cost the sender next to nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/load_generator/gateway_address.hpp"
#include "bench/load_generator/latency_histogram.hpp"

namespace presenter::bench {

struct storm_options {
  gateway_address target;
  std::string server_name;  // SNI; empty: none
  std::chrono::nanoseconds duration = std::chrono::seconds(5);
  std::size_t at_once = 4;              // handshakes: threads; hellos: open sockets
  std::vector<source_address> sources;  // empty: not bound
  bool resumes = false;                 // handshakes: with the ticket of the one before
  bool are_hellos = false;
};

struct storm_result {
  std::uint64_t done = 0;      // handshakes, or hellos that were answered
  std::uint64_t resumed = 0;   // of them
  std::uint64_t failures = 0;  // sockets that ended before
  std::uint64_t waiting = 0;   // of which nothing had come when the storm was over
  double seconds = 0;
  double cores = 0;         // CPU seconds a second, of this process
  latency_histogram times;  // of those that were done, from the start of the TCP connect

  // Its threads were busy all the time: the server could have done more.
  bool was_generator_the_limit = false;
};

// Waits that long and says true as soon as the storm is to end early.
using storm_wait = std::function<bool(std::chrono::nanoseconds)>;

// No look at the certificate. Handshakes: TLS 1.3, AES-128-GCM, X25519; each socket is closed when
// its handshake is through and its ticket has come. Hellos: one ClientHello, made once, on each new
// socket; closed when the first bytes come back.
storm_result run_storm(const storm_options&, const storm_wait&);

storm_result run_handshakes(const storm_options&, const storm_wait&);
storm_result run_hellos(const storm_options&, const storm_wait&);

std::string format_storm(const storm_options&, const storm_result&);
nlohmann::json make_json_storm(const storm_options&, const storm_result&);

}  // namespace presenter::bench
