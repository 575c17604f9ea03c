// What a client's TLS and its socket report, in the words of its relay and of the table of reasons.
#pragma once

#include "gateway/relay/client_end.hpp"
#include "gateway/tls/tls_status.hpp"
#include "gateway/vocabulary/close_reason.hpp"

namespace presenter::gateway {

client_io client_io_of(tls_status status);

// Why a client that has not sent a whole packet yet is gone. Not for a status that only waits.
close_reason reason_before_packet(tls_status status);

// Why a socket that the poller calls broken is broken. Asks the kernel, which tells it once.
close_reason reason_of_socket(int descriptor);

}  // namespace presenter::gateway
