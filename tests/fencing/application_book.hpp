// What really happened to each client's stream: which application has it, and which of the client's
// bytes were taken. A stream that goes from backend to backend has one application at a time, and
// that one goes on where the last one ended.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace presenter::testing {

// Streams are numbered over the whole fleet; a client is known by a pointer to it.
class application_book {
 public:
  // The application of a client that is new. Its first packet may have reached another one before,
  // whose link broke (protocol/README.md §4.4).
  void begin(const void* client, std::uint64_t stream, const std::string& process);
  // One that goes on with another's state, which has taken so many bytes.
  void go_on(const void* client, std::uint64_t stream, const std::string& process,
             std::int64_t taken);

  // It has taken the client's bytes from here to there.
  void take(std::uint64_t stream, std::int64_t from, std::int64_t to);

  // It reads and writes no more on the stream. Harmless if it has ended already.
  void end(std::uint64_t stream) { living_.erase(stream); }

  bool is_empty() const { return living_.empty(); }
  // The first thing that was wrong; empty: nothing.
  const std::string& finding() const { return finding_; }

 private:
  struct application {
    const void* client;
    std::string process;
    bool is_repeated = false;  // the client's first packet has gone to another one as well
  };

  void find(const std::string& what, const std::string& process);

  std::map<std::uint64_t, application> living_;
  std::map<const void*, std::int64_t> taken_;    // of each client, from its first byte
  std::map<const void*, std::uint64_t> newest_;  // stream of each client
  std::string finding_;
};

}  // namespace presenter::testing
