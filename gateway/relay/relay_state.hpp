// All there is of a relay between two turns, but for its stream, which is the link's.
// See: gateway/upgrade/README.md.
#pragma once

#include <cstdint>

#include "base/byte_buffer.hpp"
#include "gateway/vocabulary/close_reason.hpp"

namespace presenter::gateway {

struct relay_state {
  byte_buffer for_client;
  bool is_client_finished = false;   // the client's last byte has gone to the backend
  bool is_backend_finished = false;  // the backend's last byte has come,
  bool is_client_told = false;       // and gone to the client, with close_notify
  bool is_blocked_at_client = false;
  bool is_blocked_at_backend = false;
  bool has_limit = false;  // the client's deadline is the relay's
  close_reason end = close_reason::client_finished;
};

}  // namespace presenter::gateway
