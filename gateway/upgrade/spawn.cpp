#include "gateway/upgrade/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/process/spawn.hpp"

namespace presenter::gateway {
namespace {

// linux/close_range.h; some kernels' headers lack it.
constexpr unsigned close_range_cloexec = 1U << 2;

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
  ::posix_spawn_file_actions_init(&actions);
  // Onto itself: it stays open there (POSIX.1-2024; glibc 2.29).
  for (const int descriptor : order.inherited)
    ::posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor);
  return presenter::spawn(std::move(order.arguments), std::move(order.environment), actions);
}

std::string wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace presenter::gateway
