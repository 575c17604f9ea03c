// Two ways to keep a TLS server at its handshakes: whole ones, in turn, to see what one costs it;
// and ClientHellos as fast as they go, which cost the sender next to nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bench/load_generator/gateway_address.hpp"

namespace presenter::bench {

struct storm_options {
  gateway_address target;
  std::chrono::nanoseconds duration = std::chrono::seconds(5);
  std::size_t at_once = 4;           // handshakes: threads; hellos: open sockets
  std::size_t source_addresses = 4;  // 127.0.0.1 and up; 0: not bound
  bool resumes = false;              // handshakes: with the ticket of the one before
};

struct storm_counts {
  std::uint64_t done = 0;      // handshakes, or hellos that were answered
  std::uint64_t resumed = 0;   // of them
  std::uint64_t failures = 0;  // sockets that ended before
  double seconds = 0;
};

// TLS 1.3, AES-128-GCM, X25519, no look at the certificate. Each socket is closed when its
// handshake is through and its ticket has come.
storm_counts run_handshakes(const storm_options& options);

// One ClientHello, made once, on each new socket; closed when the first bytes come back.
storm_counts run_hellos(const storm_options& options);

}  // namespace presenter::bench
