// Which thread is a worker's, for its parts: what only that thread may do says so when another one
// tries. One comparison of a number, on no client's bytes' way.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

namespace presenter::gateway {

// Life: the worker's; outlives its parts. Confined to: enter and leave to the worker's thread, the
// rest to any.
class worker_thread {
 public:
  // The calling thread is the worker's from here on, until it leaves. Before and after that the
  // worker is its owner's, who may take it apart on whatever thread.
  void enter() { id_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
  void leave() { id_.store({}, std::memory_order_relaxed); }

  bool is_here() const {
    const std::thread::id id = id_.load(std::memory_order_relaxed);
    return id == std::thread::id() || id == std::this_thread::get_id();
  }

  // Stands first in every function that another thread could get hold of, but for those on the way
  // of clients' bytes. Throws std::logic_error, which ends the gateway in order: nobody knows what
  // such a call has broken. `function`: the one that it stands in.
  void assert_on_worker(const char* function = __builtin_FUNCTION()) const {
    if (!is_here())
      throw std::logic_error(std::string(function) +
                             " is called on another thread than the worker's");
  }

 private:
  std::atomic<std::thread::id> id_{};
};

}  // namespace presenter::gateway
