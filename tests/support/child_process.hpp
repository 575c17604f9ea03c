// A child process of a test: known by its process id, ended with its owner, dead with its parent.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace presenter::tests {

// Life: the destructor kills the process if it still runs, and waits for it.
// Confined to: one thread, which must outlive it (PR_SET_PDEATHSIG goes by thread).
class child_process {
 public:
  // argv[0] is a path. Output goes to `log_file`, appended; empty: to ours.
  // Throws std::system_error.
  explicit child_process(const std::vector<std::string>& argv, const std::string& log_file = {});
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;

  // Waits until it has ended or the time is over; true: it has ended.
  bool wait_for(std::chrono::milliseconds time);

  // SIGKILL, and waits.
  void kill();

 private:
  pid_t pid_ = -1;
  int pid_descriptor_ = -1;  // readable when it has ended
};

}  // namespace presenter::tests
