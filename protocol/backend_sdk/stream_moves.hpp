// What a stream keeps of its way from one backend to another: made for the streams whose
// application asks for it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/backend_sdk/stream_port.hpp"

namespace presenter::protocol {

class stream_state;

// Life: a stream_state's, see there. Bounds: one state of at most limits::state_bytes_max, or one
// deposit of what the gateway takes.
struct stream_moves {
  operation_pointer<handoff_operation> handoff_wait;
  std::uint64_t handoff_number = 0;
  bool is_handoff_awaited = false;      // the application has waited for one, now or before
  std::optional<handoff_info> handoff;  // what has come

  operation_pointer<notice_operation> notice_wait;
  std::uint64_t notice_number = 0;
  std::optional<notice_info> notice;  // the newest, if it has not been told yet

  // A state that the link has no room for yet, and the positions it stands for.
  struct checkpoint {
    std::string state;
    std::int64_t consumed = 0;
    std::int64_t produced = 0;
  };
  std::optional<checkpoint> deposit;
  std::optional<checkpoint> giving;    // handed over; the unread input goes along
  std::shared_ptr<stream_state> self;  // while `giving`: nobody else holds the stream
};

}  // namespace presenter::protocol
