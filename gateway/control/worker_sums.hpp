// Sums of all workers' metrics, as JSON: whoever asks again makes rates of them.
#pragma once

#include <nlohmann/json.hpp>

#include "gateway/control/ask_workers.hpp"

namespace presenter::gateway {

// {phase: how many clients}
nlohmann::json phase_sums(const worker_list& workers);

// {"accepted", "closes", "handshakes": {kind: n}, "bytes_to_backend", "bytes_to_client",
// "frames_received", "cpu_seconds"}, since the start of the gateway's first process, CPU since that
// of this one.
nlohmann::json counter_sums(const worker_list& workers);

}  // namespace presenter::gateway
