#include "bench/load_generator/worker_group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

namespace presenter::bench {

namespace {

using bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_all(int fd, const bytes& all) {
  for (std::size_t done = 0; done < all.size();) {
    const ssize_t n = ::write(fd, all.data() + done, all.size() - done);
    if (n < 0 && errno != EINTR) fail("write");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

bytes read_all(int fd) {
  bytes all;
  std::array<std::uint8_t, 4'096> part{};
  while (true) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n == 0) return all;
    if (n < 0 && errno != EINTR) fail("read");
    if (n > 0) all.insert(all.end(), part.begin(), part.begin() + n);
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("status {}", WEXITSTATUS(status));
}

}  // namespace

worker_group::worker_group(const load_options& options)
    : options_(options), mailboxes_(options.threads * options.processes) {
  if (options.processes == 1) make_workers(0);
}

worker_group::~worker_group() {
  for (child& each : children_) {
    if (!each.status) {
      ::kill(each.pid, SIGKILL);
      wait_for(each.pid);
    }
    ::close(each.results);
  }
}

void worker_group::make_workers(std::size_t process) {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    const std::size_t index = process * options_.threads + i;
    workers_.push_back(std::make_unique<load_worker>(options_, index, mailboxes()[index]));
  }
}

void worker_group::start(steady_time first_connect) {
  for (const auto& worker : workers_)
    worker->start_thread(first_connect);
  if (options_.processes == 1) return;
  for (std::size_t i = 0; i < options_.processes; ++i)
    fork_child(i, first_connect);
}

void worker_group::fork_child(std::size_t process, steady_time first_connect) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int error = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw std::system_error(error, std::generic_category(), "fork");
  }
  if (pid == 0) {
    // Nobody is left to read the result of a child whose parent is gone.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::close(ends[0]);
    for (const child& other : children_)
      ::close(other.results);
    run_child(process, first_connect, ends[1]);
  }
  ::close(ends[1]);
  children_.push_back({pid, ends[0], std::nullopt});
}

void worker_group::run_child(std::size_t process, steady_time first_connect, int results) {
  nlohmann::json said;
  try {
    make_workers(process);
    for (const auto& worker : workers_)
      worker->start_thread(first_connect);
    said["statistics"] = to_json(join_workers());
  } catch (const std::exception& error) {
    said = {{"error", error.what()}};
  }
  try {
    write_all(results, nlohmann::json::to_cbor(said));
    ::_exit(0);
  } catch (...) {
    // The parent sees that the result is missing.
    ::_exit(1);
  }
}

bool worker_group::has_ended() {
  for (child& each : children_) {
    int status = 0;
    if (!each.status && ::waitpid(each.pid, &status, WNOHANG) == each.pid) each.status = status;
    if (each.status) return true;
  }
  return std::ranges::any_of(mailboxes(), [](const auto& box) { return box.has_ended.load(); });
}

load_statistics worker_group::join() {
  load_statistics sum = join_workers();
  for (child& each : children_)
    sum += join_child(each);
  return sum;
}

load_statistics worker_group::join_workers() {
  load_statistics sum;
  for (const auto& worker : workers_)
    sum += worker->join();
  return sum;
}

load_statistics worker_group::join_child(child& each) {
  const auto said = nlohmann::json::from_cbor(read_all(each.results), true, false);
  if (!each.status) each.status = wait_for(each.pid);
  if (said.is_object() && said.contains("error"))
    throw std::runtime_error(said.at("error").get<std::string>());
  if (said.is_object() && said.contains("statistics")) return statistics_of(said.at("statistics"));
  load_statistics missing;
  missing.failures[fmt::format("a process of the generator ended by {}", end_of(*each.status))] = 1;
  return missing;
}

}  // namespace presenter::bench
