// The fence of a backend that is in a shard map: it serves the keys that are its own. All acceptors
// of the backend ask the same one, from their own threads.
#pragma once

#include <mutex>
#include <utility>

#include "protocol/backend_sdk/stream_fence.hpp"
#include "shard_router/ownership.hpp"

namespace presenter::protocol {

// Life: shared with its acceptors. Any thread; a new stream takes the lock twice, its bytes never.
class owner_fence final : public stream_fence {
 public:
  explicit owner_fence(shard_router::ownership own) : own_(std::move(own)) {}

  // Call mux_acceptor::on_fence_changed and set_map_epoch behind it.
  void set_map(shard_router::shard_map_ptr map, std::chrono::steady_clock::time_point now) {
    const std::lock_guard lock(mutex_);
    own_.set_map(std::move(map), now);
  }

  fence_answer ask(const open_frame& open, std::chrono::steady_clock::time_point now) override {
    const auto answer = locked_ask(open, now);
    switch (answer.verdict) {
      case shard_router::owner_verdict::own:
        return serve_stream{};
      case shard_router::owner_verdict::not_own:
        return refusal{refuse_reason::not_owner, answer.epoch, std::nullopt};
      case shard_router::owner_verdict::wait:
        break;
    }
    return hold_stream{answer.again_at};
  }

  bool still_serves(const open_frame& open) const override {
    const std::lock_guard lock(mutex_);
    return own_.owns(open.key);
  }

 private:
  shard_router::owner_answer locked_ask(const open_frame& open,
                                        std::chrono::steady_clock::time_point now) {
    const std::lock_guard lock(mutex_);
    return own_.ask(open.key, open.map_epoch, now);
  }

  mutable std::mutex mutex_;
  shard_router::ownership own_;  // guarded by mutex_
};

}  // namespace presenter::protocol
