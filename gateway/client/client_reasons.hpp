// What a client's TLS and its socket report, in the words of its relay and of the table of reasons.
#pragma once

#include <string_view>

#include "gateway/relay/client_end.hpp"
#include "gateway/tls/tls_status.hpp"
#include "gateway/vocabulary/close_reason.hpp"
#include "gateway/vocabulary/handoff_result.hpp"
#include "gateway/vocabulary/move_cause.hpp"

namespace presenter::gateway {

client_io client_io_of(tls_status status);

// Why a client that has not sent a whole packet yet is gone. Not for a status that only waits.
close_reason reason_before_packet(tls_status status);

// Why a socket that the poller calls broken is broken. Asks the kernel, which tells it once.
close_reason reason_of_socket(int descriptor);

// What a close, or the reason for which an opening was given up, is to the handoff that was under
// way. `cause`: the name of the Reset's reason, if there was one.
handoff_result result_of(close_reason reason, std::string_view cause = {});

// A client is stranded for this reason: what is counted as the cause of its move.
move_cause cause_of_stranding(close_reason reason);

}  // namespace presenter::gateway
