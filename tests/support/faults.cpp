// For LD_PRELOAD into a program as it is shipped: makes what the system gives fail when a test says
// so. Nothing of it is in the program, so nobody can trip over it there.
//   memory    operator new of one thread, by its name, throws once it has been called so often
//   threads   pthread_create fails when so many more have been made
//   names     getaddrinfo never returns
//   clocks    are ahead of the machine's, or behind
// The test and this share the file that PRESENTER_TEST_FAULTS names: tests/support/faults.py.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

namespace {

// The layout is faults.py's as well.
struct orders {
  std::atomic<std::int64_t> allocations;  // until one fails; below 0: none does
  std::atomic<std::int64_t> failures;     // how many fail from then on
  std::atomic<std::int64_t> failed;       // so many have
  std::atomic<std::int64_t> threads;      // that can still be made; below 0: any number
  std::atomic<std::int64_t> names_hang;
  std::atomic<std::int64_t> wall_ahead;    // nanoseconds
  std::atomic<std::int64_t> steady_ahead;  // likewise, of the clock that nobody sets
  std::array<char, 16> thread;             // whose allocations
};

orders* read_orders() {
  const char* const path = std::getenv("PRESENTER_TEST_FAULTS");
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const mapped = ::mmap(nullptr, sizeof(orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<orders*>(mapped);
}

orders* given() {
  static orders* const all = read_orders();
  return all;
}

bool is_meant() {
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  return name == given()->thread;
}

bool is_allocation_to_fail() {
  orders* const all = given();
  if (all == nullptr || all->failures <= 0 || !is_meant()) return false;
  if (all->allocations.fetch_sub(1) > 0) return false;
  if (all->failures.fetch_sub(1) <= 0) return false;
  ++all->failed;
  return true;
}

constexpr std::int64_t second = 1'000'000'000;

std::int64_t ahead_of(clockid_t clock) {
  orders* const all = given();
  if (all == nullptr) return 0;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) return all->wall_ahead;
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE) return all->steady_ahead;
  return 0;
}

// Not the library's function of that name, which is replaced below.
int tell_time(clockid_t clock, timespec* time) {
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  if (failed != 0) return failed;
  const std::int64_t told = time->tv_sec * second + time->tv_nsec + ahead_of(clock);
  *time = {told / second, told % second};
  return 0;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void* operator new(std::size_t size) {
  if (is_allocation_to_fail()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*run)(void*), void* argument) {
  static auto* const real = next<decltype(pthread_create)>("pthread_create");
  orders* const all = given();
  if (all != nullptr && all->threads >= 0 && all->threads.fetch_sub(1) <= 0) {
    all->threads = 0;
    return EAGAIN;
  }
  return real(thread, attributes, run, argument);
}

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  static auto* const real = next<decltype(getaddrinfo)>("getaddrinfo");
  while (given() != nullptr && given()->names_hang != 0)
    ::pause();
  return real(node, service, hints, found);
}

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  return tell_time(clock, time);
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec told{};
  if (tell_time(CLOCK_REALTIME, &told) != 0) return -1;
  *time = {told.tv_sec, told.tv_nsec / 1000};
  return 0;
}

extern "C" time_t time(time_t* also) noexcept {
  timespec told{};
  if (tell_time(CLOCK_REALTIME, &told) != 0) return -1;
  if (also != nullptr) *also = told.tv_sec;
  return told.tv_sec;
}
