// How long a worker of a gateway is away from its loop at a time: from the return of one
// epoll_wait to the call of the next. Preloaded into the program, because no program should pay for
// a clock that only a benchmark reads.
//
//   LOOP_WATCH=FILE LD_PRELOAD=libpresenter_loop_watch.so presenter …
//
// FILE, which is there, is mapped: two 64-bit numbers, the longest stretch in nanoseconds by the
// wall's clock and by the thread's own CPU time. Who wants a maximum of their own writes zeros.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

struct longest {
  std::atomic<std::int64_t> wall;
  std::atomic<std::int64_t> cpu;
};

longest* map_file() {
  const char* const path = std::getenv("LOOP_WATCH");
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const at = ::mmap(nullptr, sizeof(longest), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return at == MAP_FAILED ? nullptr : static_cast<longest*>(at);
}

std::int64_t now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

bool is_worker() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return std::strncmp(name, "worker", 6) == 0;
}

// There are few workers, and none of them waits for another.
void raise_to(std::atomic<std::int64_t>& most, std::int64_t value) {
  auto before = most.load(std::memory_order_relaxed);
  while (before < value && !most.compare_exchange_weak(before, value)) {
  }
}

struct stretch {
  std::int64_t wall = 0;  // when it began; 0: not in one
  std::int64_t cpu = 0;
};

thread_local stretch in;

}  // namespace

extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  using function = int (*)(int, epoll_event*, int, int);
  static const auto wait = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "epoll_wait"));
  static longest* const found = map_file();
  if (found == nullptr || !is_worker()) return wait(epoll, events, most, timeout);
  if (in.wall != 0) {
    raise_to(found->wall, now(CLOCK_MONOTONIC) - in.wall);
    raise_to(found->cpu, now(CLOCK_THREAD_CPUTIME_ID) - in.cpu);
  }
  const int n = wait(epoll, events, most, timeout);
  in = {now(CLOCK_MONOTONIC), now(CLOCK_THREAD_CPUTIME_ID)};
  return n;
}
