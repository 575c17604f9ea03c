// All workers of a run: threads of this process, or of several that are forked for it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/load_generator/load_worker.hpp"
#include "bench/load_generator/worker_mailbox.hpp"

namespace presenter::bench {

// Life: whoever destroys it early ends its processes. `options` outlives it. Where several
// processes are wanted, this one may have no other thread when it starts them.
class worker_group {
 public:
  explicit worker_group(const load_options& options);
  ~worker_group();
  worker_group(const worker_group&) = delete;
  worker_group& operator=(const worker_group&) = delete;

  // Errors: std::runtime_error for a CA file that cannot be used, std::system_error.
  void start(steady_time first_connect);

  std::span<worker_mailbox> mailboxes() const { return mailboxes_.all(); }
  // A worker has ended, or its process has.
  bool has_ended();

  // Waits for all; rethrows what ended a thread of this process, and throws std::runtime_error with
  // what ended one of another. Counts a process that was killed among the failures.
  load_statistics join();

 private:
  struct child {
    pid_t pid;
    int results;  // the read end of a pipe
    std::optional<int> status;
  };

  void make_workers(std::size_t process);
  void fork_child(std::size_t process, steady_time first_connect);
  [[noreturn]] void run_child(std::size_t process, steady_time first_connect, int results);
  load_statistics join_workers();
  load_statistics join_child(child&);

  const load_options& options_;
  worker_mailboxes mailboxes_;
  std::vector<std::unique_ptr<load_worker>> workers_;
  std::vector<child> children_;
};

}  // namespace presenter::bench
