// For LD_PRELOAD into a program as it is shipped: makes what the system gives fail when a test says
// so. Nothing of it is in the program, so nobody can trip over it there.
//   memory    operator new of one thread, by its name, throws once it has been called so often, for
//             so many bytes or more
//   calls     the kernel refuses one of the calls by which a gateway's place is taken
//   threads   pthread_create fails when so many more have been made
//   names     getaddrinfo never returns
//   clocks    are ahead of the machine's, or behind
// Instead of failing, memory and calls may also hang for as long as that is ordered, or kill the
// process.
// The test and this share the file that PRESENTER_TEST_FAULTS names: tests/support/faults.py.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <string_view>

namespace {

// The layout is faults.py's as well.
struct orders {
  std::atomic<std::int64_t> allocations;  // until one fails; below 0: none does
  std::atomic<std::int64_t> failures;     // how many fail from then on
  std::atomic<std::int64_t> failed;       // so many have
  std::atomic<std::int64_t> bytes_min;    // of an allocation that counts
  std::atomic<std::int64_t> call;         // that fails, a call_kind; 0: none
  std::atomic<std::int64_t> calls;        // of it until it does
  std::atomic<std::int64_t> fate;         // of it: above 0 an errno, or a fate_kind
  std::atomic<std::int64_t> threads;      // that can still be made; below 0: any number
  std::atomic<std::int64_t> names_hang;
  std::atomic<std::int64_t> wall_ahead;    // nanoseconds
  std::atomic<std::int64_t> steady_ahead;  // likewise, of the clock that nobody sets
  std::array<char, 16> thread;             // whose allocations
};

// By number, as in faults.py.
enum call_kind : std::int64_t { memfd = 1, socket_pair, spawning, mapping, epoll, adopted };
enum fate_kind : std::int64_t { fails = 0, hangs = -1, kills = -2 };

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

// Of the process that takes another one's place, from its beginning.
const bool is_successor = std::getenv("PRESENTER_UPGRADE") != nullptr;

// 0: it goes on as if nothing had been.
int meet_fate() {
  for (;;) {
    const std::int64_t fate = given()->fate;
    if (fate == kills) ::raise(SIGKILL);
    if (fate != hangs) return static_cast<int>(fate);
    ::poll(nullptr, 0, 1);  // a test that writes into the file wakes nobody
  }
}

// The errno with which this call is to fail; 0: it is not.
int fault_of(call_kind call) {
  orders* const all = given();
  if (all == nullptr || all->call != call || all->calls.fetch_sub(1) != 0) return 0;
  return meet_fate();
}

bool is_refused(call_kind call) {
  const int fault = fault_of(call);
  if (fault != 0) errno = fault;
  return fault != 0;
}

bool is_meant() {
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  return name == given()->thread;
}

bool is_allocation_to_fail(std::size_t size) {
  orders* const all = given();
  if (all == nullptr || all->failures <= 0 || static_cast<std::int64_t>(size) < all->bytes_min ||
      !is_meant())
    return false;
  if (all->allocations.fetch_sub(1) > 0) return false;
  if (all->failures.fetch_sub(1) <= 0) return false;
  ++all->failed;
  return all->fate == fails || meet_fate() != 0;
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
  if (is_allocation_to_fail(size)) throw std::bad_alloc();
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

extern "C" int memfd_create(const char* name, unsigned flags) noexcept {
  if (is_refused(memfd)) return -1;
  return static_cast<int>(::syscall(SYS_memfd_create, name, flags));
}

extern "C" int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  if (is_refused(socket_pair)) return -1;
  return static_cast<int>(::syscall(SYS_socketpair, domain, type, protocol, ends));
}

extern "C" int posix_spawn(pid_t* child, const char* path,
                           const posix_spawn_file_actions_t* actions,
                           const posix_spawnattr_t* attributes, char* const* arguments,
                           char* const* environment) {
  static auto* const real = next<decltype(posix_spawn)>("posix_spawn");
  if (const int fault = fault_of(spawning)) return fault;
  return real(child, path, actions, attributes, arguments, environment);
}

// Of what is read of a state.
extern "C" int madvise(void* at, std::size_t size, int advice) noexcept {
  if (is_successor && advice == MADV_DONTDUMP && is_refused(mapping)) return -1;
  return static_cast<int>(::syscall(SYS_madvise, at, size, advice));
}

extern "C" int epoll_create1(int flags) noexcept {
  if (is_successor && is_refused(epoll)) return -1;
  return static_cast<int>(::syscall(SYS_epoll_create1, flags));
}

extern "C" ssize_t send(int socket, const void* from, std::size_t size, int flags) {
  const std::string_view said(static_cast<const char*>(from), size);
  if (said == "adopted" && is_refused(adopted)) return -1;
  return ::sendto(socket, from, size, flags, nullptr, 0);
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
