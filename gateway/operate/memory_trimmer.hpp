// Gives memory back to the system after a crowd has come or gone: a handshake takes some 14 KiB of
// OpenSSL's for a moment, a client that is not detached for as long as it stays, and malloc keeps
// what was freed for a crowd that may never come again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>

namespace presenter::gateway {

// What is known now, of all workers.
struct handshake_counts {
  std::uint64_t ended = 0;    // handshakes, and clients
  std::int64_t arriving = 0;  // clients without an accepted stream, each with some memory for it
};

// Is it worth it, and does it disturb nobody? Trimming holds up allocations for some milliseconds.
constexpr bool is_trim_due(const handshake_counts& now, std::uint64_t ended_at_last_trim) {
  constexpr std::uint64_t crowd = 500;
  constexpr std::int64_t few = 16;
  return now.arriving <= few && now.ended - ended_at_last_trim >= crowd;
}

// A second trim follows when arrivals stop: the first one may come while clients of the crowd
// are still on their way.
constexpr bool is_rest_due(const handshake_counts& now, std::uint64_t ended_at_last_look) {
  constexpr std::int64_t few = 16;
  return now.arriving <= few && now.ended == ended_at_last_look;
}

// Life: the server's. Confined to: the control thread.
class memory_trimmer {
 public:
  // Looks every few seconds.
  memory_trimmer(boost::asio::io_context& control, std::function<handshake_counts()> count);

  // How often it has trimmed; how many handshakes and clients have ended since the last time.
  std::uint64_t trims() const { return trims_; }
  std::uint64_t handshakes_since() const { return count_().ended - ended_at_last_trim_; }

 private:
  void wait();
  void trim_if_due();
  void trim();

  boost::asio::steady_timer timer_;
  std::function<handshake_counts()> count_;
  std::uint64_t ended_at_last_trim_ = 0;
  std::uint64_t ended_at_last_look_ = 0;
  std::uint64_t trims_ = 0;
  bool has_rest_ = false;  // a crowd has been trimmed for, and not its rest
};

}  // namespace presenter::gateway
