// Whether a backend may serve a stream now: what an acceptor asks before it accepts one, and again
// for those it has when the answers change. Implemented by owner_fence over the shard map.
#pragma once

#include <chrono>
#include <optional>
#include <variant>

#include "base/export.hpp"
#include "protocol/stream_facts.hpp"

namespace presenter::protocol {

// Why a stream is not served. The gateway, not the client, deals with not_owner and busy.
struct refusal {
  refuse_reason reason = refuse_reason::denied;
  std::optional<std::int64_t> map_epoch = {};  // with not_owner: the epoch known here
  std::optional<std::chrono::milliseconds> retry_after = {};  // with busy
};

// The stream may be served.
struct serve_stream {};

// Not to be said yet. The stream waits, bounded, neither accepted nor refused.
struct hold_stream {
  // When to ask again. Nothing: whenever mux_acceptor::on_fence_changed is called.
  std::optional<std::chrono::steady_clock::time_point> again_at = {};
};

using fence_answer = std::variant<serve_stream, refusal, hold_stream>;

// Life: shared with its acceptor. Confined to: the acceptor's thread. Must not call the acceptor.
class PRESENTER_EXPORT stream_fence {
 public:
  virtual ~stream_fence() = default;

  // For a stream that is not accepted yet. Asked when it comes and when it is about to be accepted.
  virtual fence_answer ask(const open_frame& open, std::chrono::steady_clock::time_point now) = 0;

  // For one that is accepted: it may go on. Else it is ended as moved, see
  // acceptor_options::move_after.
  virtual bool still_serves(const open_frame& open) const = 0;
};

}  // namespace presenter::protocol
