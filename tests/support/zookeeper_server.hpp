// Debian's ZooKeeper as one java process, for tests: a free port, a folder of its own, and the same
// port and data over kill and restart.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/child_process.hpp"
#include "tests/support/own_folder.hpp"

namespace presenter::tests {

// Life: runs from the constructor on; the destructor kills it and removes the folder.
// Confined to: one thread. Every call blocks until it is done, and throws std::runtime_error with
// the end of the server's log if that takes a minute.
class zookeeper_server {
 public:
  zookeeper_server();

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  void kill();     // SIGKILL
  void restart();  // after kill()
  void pause();    // SIGSTOP: it listens, and answers nothing
  void resume();   // SIGCONT

  // Ends a session as its own client would, over a TCP connection of our own; its real client
  // learns that it has expired. The wire is ZooKeeper's own (zookeeper.jute), for the C client
  // belongs to what is tested.
  void end_session(std::int64_t session_id, const std::array<char, 16>& password) const;

 private:
  void start();
  bool answers() const;
  std::string log_tail() const;

  own_folder folder_;
  std::uint16_t port_;
  std::unique_ptr<child_process> process_;
};

}  // namespace presenter::tests
