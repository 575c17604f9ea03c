// Where a worker stands still while another process may take its place: between the worker's
// thread and the one that decides.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace presenter::gateway {

// Life: the worker's. Confined to: enter and wait to the worker's thread, the rest to any.
class freeze_gate {
 public:
  enum class verdict : std::uint8_t { thaw, let_go };

  // The worker is to stand still soon.
  void ask() {
    const std::lock_guard lock(mutex_);
    state_ = state::asked;
  }
  // False: that was taken back before the worker came to it.
  bool enter() {
    const std::lock_guard lock(mutex_);
    if (state_ != state::asked) return false;
    state_ = state::frozen;
    return true;
  }
  // Until the other thread has decided. If it says nothing until then, the worker goes on: clients
  // do not wait for a thread that hangs.
  verdict wait(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    if (!decided_.wait_until(lock, until, [this] { return state_ != state::frozen; }))
      state_ = state::running;
    decided_.wait(lock, [this] { return state_ != state::held; });
    return state_ == state::let_go ? verdict::let_go : verdict::thaw;
  }

  // After let_go: for the rest of the process's life.
  [[noreturn]] void wait_for_ever() {
    std::unique_lock lock(mutex_);
    for (;;)
      decided_.wait(lock);
  }

  // From here on it stands still however long it takes. False: it goes on already.
  bool hold() {
    const std::lock_guard lock(mutex_);
    if (state_ != state::frozen) return false;
    state_ = state::held;
    return true;
  }
  // The worker goes on, or does not stand still in the first place. Idempotent.
  void thaw() { decide(state::running); }
  // It never goes on. Only when it is held.
  void let_go() { decide(state::let_go); }

 private:
  enum class state : std::uint8_t { running, asked, frozen, held, let_go };

  void decide(state next) {
    {
      const std::lock_guard lock(mutex_);
      state_ = next;
    }
    decided_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable decided_;
  state state_ = state::running;
};

}  // namespace presenter::gateway
