// Sums of all workers' metrics, as JSON: whoever asks again makes rates of them.
#pragma once

#include <nlohmann/json.hpp>

#include "gateway/control/ask_workers.hpp"

namespace presenter::gateway {

// {"monotonic_seconds": of the clock that never jumps, "phases": {phase: how many clients},
// "counters": {"accepted", "closes", "handshakes": {kind: n}, "bytes_to_backend",
// "bytes_to_client", "frames_received", "cpu_seconds"}}: since the start of the gateway's first
// process, CPU since that of this one.
nlohmann::json worker_sums(const worker_list& workers);

}  // namespace presenter::gateway
