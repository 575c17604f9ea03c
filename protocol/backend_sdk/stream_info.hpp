// What an application is told about a stream beside its bytes: who the client is, and what the
// gateway asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "protocol/stream_facts.hpp"

namespace presenter::protocol {

// What another backend's application left behind of the stream. protocol/README.md §4.12.
struct continued_stream : continued_from {
  std::string state;          // what it gave to hand_over or to deposit
  std::int64_t consumed = 0;  // bytes of the client that it had read; the rest is still to be read
  std::int64_t produced = 0;  // bytes that it had written
  bool is_finished = false;   // it had ended its direction: nothing more can be written
};

struct stream_info : open_frame {
  // Empty for a client that is new here. Takes the place of open_frame's, which has no state.
  std::shared_ptr<const continued_stream> continued;
};

// Another backend owns the stream's key. Nothing more comes from the client on this stream, and at
// `within` at the latest the gateway takes it away.
struct handoff_info {
  handoff_reason reason = handoff_reason::rebalanced;
  std::int64_t map_epoch = 0;
  std::chrono::milliseconds within{0};
};

// The gateway will close the client within so long; the application may ask it to come again.
struct notice_info {
  notice_reason reason = notice_reason::gateway_draining;
  std::chrono::milliseconds within{0};
};

}  // namespace presenter::protocol
