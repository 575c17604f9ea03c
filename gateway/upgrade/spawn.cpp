#include "gateway/upgrade/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace presenter::gateway {
namespace {

// linux/close_range.h; some kernels' headers lack it.
constexpr unsigned close_range_cloexec = 1U << 2;

std::vector<char*> pointers_into(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Kernels before 5.11.
void keep_one_by_one() noexcept {
  std::error_code failed;
  for (std::filesystem::directory_iterator each("/proc/self/fd", failed), end;
       !failed && each != end; each.increment(failed)) {
    const std::string name = each->path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor > STDERR_FILENO) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace

void keep_descriptors_from_programs() noexcept {
  const auto first = static_cast<unsigned>(STDERR_FILENO + 1);
  if (::syscall(SYS_close_range, first, ~0U, close_range_cloexec) != 0) keep_one_by_one();
}

boost::system::result<pid_t> spawn(spawn_order order) {
  keep_descriptors_from_programs();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  // Onto itself: it stays open there (POSIX.1-2024; glibc 2.29).
  for (const int descriptor : order.inherited)
    ::posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const auto arguments = pointers_into(order.arguments);
  const auto environment = pointers_into(order.environment);
  pid_t child = -1;
  const int failure = ::posix_spawn(&child, arguments[0], &actions, &attributes, arguments.data(),
                                    environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) return boost::system::error_code(failure, boost::system::system_category());
  return child;
}

int open_process(pid_t process) noexcept {
  // By number: the header of glibc 2.36 declares it as C++.
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

std::string wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace presenter::gateway
