// One thread for calls that may block for longer than anybody wants to wait: those of C libraries
// that resolve names or join threads of their own. A call that hangs can be left behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace presenter::shard_router {

// Confined to: any one thread. Bounds: the jobs that its owner posts.
class blocking_thread {
 public:
  // `name`: what the system shows. Throws std::system_error if the thread cannot be made.
  explicit blocking_thread(const char* name);
  ~blocking_thread();  // end(), without waiting
  blocking_thread(const blocking_thread&) = delete;
  blocking_thread& operator=(const blocking_thread&) = delete;

  // One after the other. A job may outlive this object: it holds what it uses. Not after end().
  void post(std::function<void()> job);

  // Waits until all jobs are done. False: one still runs after `longest`. Then the thread is let
  // go: it ends when that job and those behind it are done, or with the process. May be called
  // again.
  bool end(std::chrono::milliseconds longest);

 private:
  struct jobs;
  const std::shared_ptr<jobs> jobs_;
};

// Makes this many threads and ends them. For libraries that end the whole process where they cannot
// make theirs: they are asked to only after this. That somebody takes the last thread in the
// microseconds between does not happen in practice.
bool can_make_threads(std::size_t count);

}  // namespace presenter::shard_router
