#include "base/process/child_program.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/own_descriptor.hpp"
#include "base/process/spawn.hpp"

namespace presenter {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

// A file, not a pipe: nobody has to wait until the program reads it, and it need not.
error_code make_input(std::string_view text, own_descriptor& file) {
  file = own_descriptor(::memfd_create("input", MFD_CLOEXEC));
  if (file.get() < 0) return last_error();
  while (!text.empty()) {
    const ssize_t n = ::write(file.get(), text.data(), text.size());
    if (n < 0) return last_error();
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::lseek(file.get(), 0, SEEK_SET) < 0 ? last_error() : error_code();
}

// The program begins with no descriptor but the standard three.
boost::system::result<pid_t> spawn(child_order& order, int input, int output) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  return presenter::spawn(std::move(order.arguments), std::move(order.environment), actions);
}

}  // namespace

// Held by the operations that are under way; `owner` gone, they tell nobody.
class child_program::run : public std::enable_shared_from_this<run> {
 public:
  run(const asio::any_io_executor& executor, line_handler on_line, end_handler on_end)
      : output_(executor),
        exit_(executor),
        timer_(executor),
        on_line_(std::move(on_line)),
        on_end_(std::move(on_end)) {}

  error_code start(child_order order) {
    own_descriptor input;
    if (const auto error = make_input(order.input, input)) return error;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return last_error();
    own_descriptor output(ends[0]);
    const own_descriptor from_child(ends[1]);
    const auto child = spawn(order, input.get(), from_child.get());
    if (!child) return child.error();
    child_ = *child;
    // By number: the header of glibc 2.36 declares it as C++.
    const int exit = static_cast<int>(::syscall(SYS_pidfd_open, child_, 0));
    if (exit < 0) {
      const auto error = last_error();
      end_group(SIGKILL);
      ::waitpid(child_, nullptr, 0);
      return error;
    }
    exit_.assign(exit);
    output_.assign(output.release());
    read_output();
    wait_exit();
    wait_time(order.timeout, SIGTERM);
    return {};
  }

  // Nobody is told anything any more.
  void abandon() {
    on_line_ = nullptr;
    on_end_ = nullptr;
    if (!child_end_) end_group(SIGKILL);
    timer_.cancel();
    close(output_);
  }

  void tell_failure(error_code why) {
    child_end_.emplace().failure = why;
    is_output_over_ = true;
    tell_end();
  }

 private:
  static void close(asio::posix::stream_descriptor& descriptor) {
    error_code ignored;
    descriptor.close(ignored);
  }

  void end_group(int signal) const { ::kill(-child_, signal); }

  void read_output() {
    output_.async_read_some(asio::buffer(piece_),
                            [self = shared_from_this()](error_code error, std::size_t n) {
                              if (error) return self->on_output_over();
                              self->take_output({self->piece_.data(), n});
                              self->read_output();
                            });
  }

  void take_output(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == '\n') {
        tell_line();
      } else if (line_.size() < line_bytes_max) {
        line_ += byte;
      }
    }
  }

  void tell_line() {
    told_ += line_.size();
    if (on_line_ && told_ <= output_bytes_max) on_line_(line_);
    line_.clear();
  }

  void on_output_over() {
    if (!line_.empty()) tell_line();
    is_output_over_ = true;
    tell_end();
  }

  void wait_exit() {
    exit_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](error_code error) {
                       if (!error) self->on_exit();
                     });
  }

  void on_exit() {
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOHANG | WNOWAIT);
    // Asio wakes it at times for an event of another descriptor, closed since.
    if (ended.si_pid == 0) return wait_exit();
    // Not waited for yet, it still keeps its group's number from others.
    end_group(SIGKILL);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_end end;
    end.is_timed_out = is_timed_out_;
    if (WIFEXITED(status)) end.exit_status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    child_end_ = end;
    timer_.cancel();
    take_rest();
    tell_end();
  }

  // Whoever it has left in a session of its own may hold the pipe open: only what is there now is
  // its own.
  void take_rest() {
    if (is_output_over_) return;
    error_code error;
    output_.non_blocking(true, error);
    while (!error) {
      const std::size_t n = output_.read_some(asio::buffer(piece_), error);
      if (!error) take_output({piece_.data(), n});
    }
    close(output_);
  }

  void wait_time(std::chrono::milliseconds time, int signal) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), signal](error_code error) {
      if (error || self->child_end_) return;
      self->is_timed_out_ = true;
      self->end_group(signal);
      if (signal == SIGTERM) self->wait_time(grace, SIGKILL);
    });
  }

  void tell_end() {
    if (!child_end_ || !is_output_over_ || !on_end_) return;
    const auto on_end = std::exchange(on_end_, nullptr);
    on_end(*child_end_);
  }

  asio::posix::stream_descriptor output_;
  asio::posix::stream_descriptor exit_;  // the process as a descriptor: readable when it has ended
  asio::steady_timer timer_;
  line_handler on_line_;
  end_handler on_end_;
  pid_t child_ = -1;
  std::array<char, 4'096> piece_{};
  std::string line_;
  std::size_t told_ = 0;
  bool is_timed_out_ = false;
  bool is_output_over_ = false;
  std::optional<child_end> child_end_;
};

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each)
    all.emplace_back(*each);
  return all;
}

std::string child_end::to_string() const {
  if (failure) return failure.message();
  if (is_timed_out) return "did not end within its time";
  if (signal) return "killed by signal " + std::to_string(*signal);
  return "exit status " + std::to_string(exit_status.value_or(0));
}

child_program::child_program(const asio::any_io_executor& executor, child_order order,
                             line_handler on_line, end_handler on_end)
    : run_(std::make_shared<run>(executor, std::move(on_line), std::move(on_end))) {
  if (const auto error = run_->start(std::move(order)))
    asio::post(executor, [run = run_, error] { run->tell_failure(error); });
}

child_program::~child_program() {
  run_->abandon();
}

}  // namespace presenter
