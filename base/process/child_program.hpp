// A program of an operator, run beside this one: started in a process group of its own, given its
// standard input, listened to line by line, and ended when its time is over. It blocks nobody: all
// of it happens on an executor. It knows nothing of what the program is for.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace presenter {

// This process's own, for those who add to it.
std::vector<std::string> own_environment();

struct child_order {
  std::vector<std::string> arguments;    // the first is the program's path; it is not looked for
  std::vector<std::string> environment;  // all of it, "NAME=value"
  std::string input;                     // a file on its standard input
  // Then its group gets SIGTERM, and SIGKILL after child_program::grace.
  std::chrono::milliseconds timeout{};
};

// How it ended.
struct child_end {
  boost::system::error_code failure;  // it could not be started
  bool is_timed_out = false;
  std::optional<int> exit_status;
  std::optional<int> signal;  // that ended it

  bool is_good() const { return exit_status == 0 && !is_timed_out; }
  // "exit status 3", "did not end within its time", "killed by signal 9", "No such file or
  // directory"
  std::string to_string() const;
};

// Life: its owner's. Destroyed while the program runs, it kills the program's group, and calls
//   nobody any more. With the program its whole group ends: what is to live on in the background
//   needs a session of its own (setsid).
// Confined to: the executor's thread; the handlers are called there, never inside the constructor.
// Bounds: lines longer than line_bytes_max are cut; after output_bytes_max nothing more is told,
//   and what the program writes is thrown away.
class child_program {
 public:
  static constexpr std::chrono::seconds grace{2};
  static constexpr std::size_t line_bytes_max = 1'024;
  static constexpr std::size_t output_bytes_max = 64 * 1'024;

  using line_handler = std::function<void(std::string_view line)>;  // stdout and stderr alike
  using end_handler = std::function<void(const child_end&)>;        // the last call

  child_program(const boost::asio::any_io_executor& executor, child_order order,
                line_handler on_line, end_handler on_end);
  ~child_program();
  child_program(const child_program&) = delete;
  child_program& operator=(const child_program&) = delete;

 private:
  class run;
  std::shared_ptr<run> run_;
};

}  // namespace presenter
