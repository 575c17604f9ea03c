#include "tests/support/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace presenter::tests {
namespace {

// Between fork and exec: only what is allowed there.
[[noreturn]] void run_child(char* const* argv, const char* log_file) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (log_file != nullptr) {
    const int log = ::open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
  }
  // Nothing of ours: a socket left open there would keep its peer waiting.
  ::close_range(3, ~0U, 0);
  ::execv(argv[0], argv);
  ::_exit(127);
}

}  // namespace

child_process::child_process(const std::vector<std::string>& argv, const std::string& log_file) {
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
  if (pid_ == 0) run_child(words.data(), log_file.empty() ? nullptr : log_file.c_str());
  pid_descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pid_descriptor_ < 0) throw std::system_error(errno, std::system_category(), "pidfd_open");
}

child_process::~child_process() {
  kill();
  ::close(pid_descriptor_);
}

void child_process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool child_process::wait_for(std::chrono::milliseconds time) {
  if (pid_ < 0) return true;
  pollfd watched{pid_descriptor_, POLLIN, 0};
  if (::poll(&watched, 1, static_cast<int>(time.count())) <= 0) return false;
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return true;
}

void child_process::kill() {
  signal(SIGKILL);
  while (!wait_for(std::chrono::seconds(1))) {
  }
}

}  // namespace presenter::tests
