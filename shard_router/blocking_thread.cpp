#include "shard_router/blocking_thread.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace presenter::shard_router {

// Held by the thread as well, which may be the last to need it.
struct blocking_thread::jobs {
  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return !waiting.empty() || is_ending; });
      if (waiting.empty()) break;
      {
        const std::function<void()> next = std::move(waiting.front());
        waiting.pop_front();
        lock.unlock();
        next();
      }
      lock.lock();
    }
    has_ended = true;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;
  bool is_ending = false;
  bool has_ended = false;
};

blocking_thread::blocking_thread(const char* name) : jobs_(std::make_shared<jobs>()) {
  std::thread([own = jobs_, name] {
    ::pthread_setname_np(::pthread_self(), name);
    own->run();
  }).detach();
}

blocking_thread::~blocking_thread() {
  end({});
}

void blocking_thread::post(std::function<void()> job) {
  const std::lock_guard lock(jobs_->mutex);
  jobs_->waiting.push_back(std::move(job));
  jobs_->changed.notify_all();
}

bool blocking_thread::end(std::chrono::milliseconds longest) {
  std::unique_lock lock(jobs_->mutex);
  jobs_->is_ending = true;
  jobs_->changed.notify_all();
  return jobs_->changed.wait_for(lock, longest, [this] { return jobs_->has_ended; });
}

bool can_make_threads(std::size_t count) {
  std::promise<void> tried;
  const std::shared_future<void> end = tried.get_future().share();
  std::vector<std::thread> made;
  made.reserve(count);
  bool can = true;
  try {
    while (made.size() < count)
      made.emplace_back([end] { end.wait(); });
  } catch (const std::system_error&) {
    can = false;
  }
  tried.set_value();
  for (std::thread& each : made)
    each.join();
  return can;
}

}  // namespace presenter::shard_router
