// Sums of all workers' metrics, as JSON: whoever asks again makes rates of them.
#pragma once

#include <nlohmann/json.hpp>

#include "gateway/control/ask_workers.hpp"

namespace presenter::gateway {

// {"monotonic_seconds": of the clock that never jumps, "phases": {phase: how many clients},
// "counters": {"accepted", "closes", "handshakes": {kind: n}, "bytes_to_backend",
// "bytes_to_client", "frames_received", "cpu_seconds"}, "loop_turns": {"bounds": seconds, "counts":
// how many turns took no longer than each bound and longer than the one before; the last count is
// of those that took longer than all}}: since the start of the gateway's first process, CPU since
// that of this one.
nlohmann::json worker_sums(const worker_list& workers);

}  // namespace presenter::gateway
