// One run of a program that an operator named: a hook, a publisher. It gets its input as a file on
// stdin, its output comes line by line, and it has a time limit. It runs in a process group of its
// own, which is killed at the limit, and when the program has ended: nothing that it started in the
// background stays behind.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway {

struct program_order {
  std::filesystem::path program;  // a path, never looked for in PATH
  std::vector<std::string> arguments = {};
  std::vector<std::string> environment = {};  // "NAME=value", besides our own
  std::string input = {};                     // what stdin has; empty: nothing
  std::chrono::milliseconds limit{10'000};
};

struct program_end {
  boost::system::error_code failed;  // it was not started
  bool is_timed_out = false;         // it was killed at the limit
  int status = 0;                    // of waitpid

  bool is_ok() const noexcept { return !failed && !is_timed_out && status == 0; }
  // "ended with status 3", "was killed by signal 9 (Killed)", "took longer than 10 s and was
  // killed", "cannot be run: Permission denied"
  std::string text(std::chrono::milliseconds limit) const;
};

// Life: held by its own waits until `done` has been called, or cancel(), and then until the process
//   has ended; and by its owner, who may cancel.
// Confined to: the io_context's one thread.
// Bounds: a line is at most line_bytes_max, the rest of a longer one is the next line; the output
//   is not kept. At most two descriptors, and one process group until the limit.
class program_run : public std::enable_shared_from_this<program_run> {
 public:
  using line_handler = std::function<void(std::string_view)>;
  using end_handler = std::function<void(const program_end&)>;

  // As much of one line as somebody reads in a log.
  static constexpr std::size_t line_bytes_max = 1'024;

  // `on_line` gets what the program writes to stdout and stderr; bytes of any kind, without the
  // line's end.
  program_run(boost::asio::io_context& io, program_order order, line_handler on_line,
              end_handler done);
  ~program_run();
  program_run(const program_run&) = delete;
  program_run& operator=(const program_run&) = delete;

  // Once. Neither handler is called inside it.
  void start();

  // Kills the group; no handler is called any more.
  void cancel();

 private:
  boost::system::error_code spawn();
  void wait_output();
  void read_output();
  void tell_lines();
  void wait_end();
  void on_end();
  void wait_limit();
  void kill_group() const;
  void finish(program_end end);

  const program_order order_;
  line_handler on_line_;
  end_handler done_;  // empty: it is over
  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::posix::stream_descriptor process_;  // readable when it has ended
  boost::asio::steady_timer limit_;
  std::string partial_;  // line
  pid_t pid_ = -1;       // -1: none, or it has been waited for
};

}  // namespace presenter::gateway
