// All there is of a link between two turns, for a process that is handed its descriptor.
// See: gateway/upgrade/README.md.
#pragma once

#include <boost/system/error_code.hpp>

#include "protocol/mux/mux_core_state.hpp"

namespace presenter::protocol {

// What it has counted stays: its user has that.
struct mux_link_state {
  int descriptor = -1;
  mux_core_state core;
  byte_buffer partial;            // the beginning of a frame whose rest has not come yet
  byte_buffer control_in_flight;  // taken from the core, not yet by the socket
  byte_buffer data_in_flight;
};

// Whether a link can go on with it. errc::field_invalid.
boost::system::error_code check(const mux_link_state& state);

}  // namespace presenter::protocol
