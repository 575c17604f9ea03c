// What changes between two looks at a gateway's page /top, per second. Without I/O; the time is the
// gateway's own, of its monotonic clock.
#pragma once

#include <nlohmann/json.hpp>

namespace presenter::ctl {

// {"seconds", "accepted", "closes", "handshakes": {kind: n}, "bytes_to_backend", "bytes_to_client",
// "frames_received", "cpu", "clients": {tag: bytes}}, all but the first per second, and
// "loop_turn_p99": of the turns in between, in seconds, or null if there was none or the gateway is
// too old to say. null: the two are not of one gateway that has gone on, so nothing can be said.
// Throws json::exception for a page of another kind.
nlohmann::json rates_between(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace presenter::ctl
