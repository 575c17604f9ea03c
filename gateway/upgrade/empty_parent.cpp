#include "gateway/upgrade/empty_parent.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>

#include "gateway/operate/guarded_run.hpp"

namespace presenter::gateway {
namespace {

constexpr std::string_view new_main = "main ";

// SIGCHLD is its own; SIGPIPE and faults are nobody else's.
constexpr std::array passed_on{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

volatile pid_t successor = -1;

extern "C" void pass_on(int signal) {
  ::kill(successor, signal);
}

int status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The main process says on the channel who has taken its place, and then ends.
void follow_main(const upgrade_channel& channel, pid_t& main) {
  for (;;) {
    const auto said = channel.receive(false);
    if (said.message.empty()) return;
    if (!said.message.starts_with(new_main)) continue;
    const std::string_view number = std::string_view(said.message).substr(new_main.size());
    std::from_chars(number.data(), number.data() + number.size(), main);
  }
}

}  // namespace

void pass_signals_on(pid_t main) noexcept {
  successor = main;
  struct sigaction action {};
  action.sa_handler = &pass_on;
  for (const int signal : passed_on)
    ::sigaction(signal, &action, nullptr);
}

void become_empty_parent(const upgrade_channel& to_main, pid_t main) noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::fcntl(to_main.descriptor(), F_SETFD, 0);
  std::array<char, 16> channel{};
  std::array<char, 16> process{};
  std::to_chars(channel.data(), channel.data() + channel.size() - 1, to_main.descriptor());
  std::to_chars(process.data(), process.data() + process.size() - 1, main);
  std::string program = "presenter";
  std::string option = parent_option;
  std::array<char*, 5> arguments{program.data(), option.data(), channel.data(), process.data(),
                                 nullptr};
  // The file may have been replaced or removed: this is the program as it was started.
  ::execv("/proc/self/exe", arguments.data());
}

int be_empty_parent(upgrade_channel to_main, pid_t main) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  name_thread("presenter-empty");
  sigset_t awaited;
  ::sigemptyset(&awaited);
  for (const int signal : passed_on)
    ::sigaddset(&awaited, signal);
  ::sigaddset(&awaited, SIGCHLD);
  for (const int signal : passed_on)
    std::signal(signal, SIG_DFL);
  std::signal(SIGCHLD, SIG_DFL);
  to_main.send("gone");
  for (;;) {
    // As process 1 it has the orphans of all others as well.
    int status = 0;
    for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (ended != main) continue;
      follow_main(to_main, main);
      if (ended == main) return status_of(status);
    }
    const int signal = ::sigwaitinfo(&awaited, nullptr);
    if (signal <= 0 || signal == SIGCHLD) continue;
    follow_main(to_main, main);
    ::kill(main, signal);
  }
}

}  // namespace presenter::gateway
