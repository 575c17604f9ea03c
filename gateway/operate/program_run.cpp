#include "gateway/operate/program_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace presenter::gateway {
namespace {

using boost::system::error_code;

error_code run_error(int number) {
  return {number, boost::system::system_category()};
}

// As much as a pipe holds, in pieces of read_output.
constexpr std::size_t piece_bytes = 4'096;
constexpr std::size_t pipe_pieces = 65'536 / piece_bytes;

class own_descriptor {
 public:
  explicit own_descriptor(int value) : value_(value) {}
  ~own_descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  own_descriptor(const own_descriptor&) = delete;
  own_descriptor& operator=(const own_descriptor&) = delete;
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

// A file without a name. A pipe would have to be written while the program reads, and one that
// reads nothing would hold us up.
int file_with(const std::string& bytes) {
  const int file = ::memfd_create("presenter input", MFD_CLOEXEC);
  if (file < 0) return -1;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::write(file, bytes.data() + sent, bytes.size() - sent);
    if (count < 0 && errno != EINTR) {
      ::close(file);
      return -1;
    }
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

// What the program is started with: our signals' dispositions and descriptors are not for it. Asio
// opens sockets without FD_CLOEXEC, and a program that holds a client's socket keeps it open.
class spawn_settings {
 public:
  spawn_settings(int input, int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers_of(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Ours, but for what `more` has another value of.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view start = text.substr(0, text.find('=') + 1);
    if (std::ranges::none_of(more, [&](const auto& own) { return own.starts_with(start); }))
      all.emplace_back(text);
  }
  return all;
}

}  // namespace

std::string program_end::text(std::chrono::milliseconds limit) const {
  if (failed) return "cannot be run: " + failed.message();
  if (is_timed_out)
    return fmt::format("took longer than {:g} s and was killed",
                       std::chrono::duration<double>(limit).count());
  if (WIFSIGNALED(status))
    return fmt::format(
        "was killed by signal {} ({})", WTERMSIG(status),
        ::sigdescr_np(WTERMSIG(status)) != nullptr ? ::sigdescr_np(WTERMSIG(status)) : "unknown");
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

program_run::program_run(boost::asio::io_context& io, program_order order, line_handler on_line,
                         end_handler done)
    : order_(std::move(order)),
      on_line_(std::move(on_line)),
      done_(std::move(done)),
      io_(io),
      output_(io),
      process_(io),
      limit_(io) {}

program_run::~program_run() {
  kill_group();
}

void program_run::start() {
  if (const error_code failed = spawn()) {
    boost::asio::post(io_, [self = shared_from_this(), failed] { self->finish({failed}); });
    return;
  }
  wait_output();
  wait_end();
  wait_limit();
}

void program_run::cancel() {
  done_ = nullptr;
  on_line_ = nullptr;
  kill_group();
  output_.close();
  limit_.cancel();
}

error_code program_run::spawn() {
  const own_descriptor input(file_with(order_.input));
  if (input.get() < 0) return run_error(errno);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return run_error(errno);
  own_descriptor ours(ends[0]);
  const own_descriptor theirs(ends[1]);

  std::vector<std::string> arguments{order_.program.string()};
  arguments.insert(arguments.end(), order_.arguments.begin(), order_.arguments.end());
  std::vector<std::string> environment = environment_with(order_.environment);
  const spawn_settings settings(input.get(), theirs.get());
  const int failed =
      ::posix_spawn(&pid_, order_.program.c_str(), settings.actions(), settings.attributes(),
                    pointers_of(arguments).data(), pointers_of(environment).data());
  if (failed != 0) {
    pid_ = -1;
    return run_error(failed);
  }
  const auto process = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (process < 0) {
    // Nobody would learn of its end.
    const int number = errno;
    kill_group();
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    return run_error(number);
  }
  process_.assign(process);
  output_.assign(ours.release());
  output_.non_blocking(true);
  return {};
}

void program_run::wait_output() {
  output_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](error_code failed) {
                       if (failed || !self->output_.is_open()) return;
                       self->read_output();
                       if (self->output_.is_open()) self->wait_output();
                     });
}

// One piece; at its end, or when a line handler has cancelled us, the descriptor is closed.
void program_run::read_output() {
  std::array<char, piece_bytes> piece;
  error_code failed;
  const std::size_t count = output_.read_some(boost::asio::buffer(piece), failed);
  if (failed == boost::asio::error::would_block) return;
  if (failed) {
    output_.close();
    return;
  }
  partial_.append(piece.data(), count);
  tell_lines();
}

void program_run::tell_lines() {
  while (on_line_) {
    const std::size_t end = partial_.find('\n');
    if (end == std::string::npos && partial_.size() < line_bytes_max) return;
    const std::string line = partial_.substr(0, std::min(end, line_bytes_max));
    partial_.erase(0, end <= line_bytes_max ? line.size() + 1 : line.size());
    // A copy: the handler may cancel us, and with that end itself.
    const line_handler tell = on_line_;
    tell(line);
  }
}

void program_run::wait_end() {
  process_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](error_code failed) {
                        if (!failed) self->on_end();
                      });
}

void program_run::on_end() {
  // Before waitpid: until then its group cannot become somebody else's.
  kill_group();
  program_end end;
  const pid_t pid = std::exchange(pid_, -1);
  if (::waitpid(pid, &end.status, 0) != pid) end.failed = run_error(errno);
  process_.close();
  // What it wrote last is still in the pipe. No more than that: a process that has left the group
  // may go on writing.
  for (std::size_t left = pipe_pieces; output_.is_open() && left > 0; --left)
    read_output();
  finish(end);
}

void program_run::wait_limit() {
  limit_.expires_after(order_.limit);
  limit_.async_wait([self = shared_from_this()](error_code failed) {
    if (failed || self->pid_ < 0) return;
    self->kill_group();
    // Not when it has ended: the kernel may hold it for as long as a file system hangs.
    self->finish({.failed = {}, .is_timed_out = true, .status = 0});
  });
}

void program_run::kill_group() const {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

void program_run::finish(program_end end) {
  if (on_line_ && !partial_.empty()) std::exchange(on_line_, nullptr)(partial_);
  on_line_ = nullptr;
  output_.close();
  limit_.cancel();
  if (done_) std::exchange(done_, nullptr)(end);
}

}  // namespace presenter::gateway
