// The bytes of one client's descriptor, without waiting: received into a buffer that all clients of
// the worker share, sent as far as the kernel takes them. It knows nothing of TLS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/byte_buffer.hpp"

namespace presenter::gateway {

class client_socket;

// Where recv puts what it reads. A client that has not used up what it received keeps a copy of the
// rest when another one receives.
class receive_buffer {
 public:
  static constexpr std::size_t bytes_max = 64 * 1'024;

  std::span<std::byte> lend_to(client_socket& socket);
  void forget(const client_socket& socket);

 private:
  std::unique_ptr<std::byte[]> bytes_ = std::make_unique_for_overwrite<std::byte[]>(bytes_max);
  client_socket* holder_ = nullptr;
};

enum class socket_status : std::uint8_t {
  ok,
  blocked,  // nothing to be had, or no room, until the next edge
  ended,    // the peer's FIN
  failed,   // reset, or timed out
};

// Life: the TLS channel's. Confined to: the worker's thread.
// Bounds: parked input ≤ receive_buffer::bytes_max, and only while its client is not being read.
class client_socket {
 public:
  // `descriptor` is non-blocking and stays the caller's; `shared` outlives this.
  client_socket(int descriptor, receive_buffer& shared)
      : shared_(shared), descriptor_(descriptor) {}
  ~client_socket() { shared_.forget(*this); }
  client_socket(const client_socket&) = delete;
  client_socket& operator=(const client_socket&) = delete;

  // From an edge-triggered poller: there may be input, there may be room. `half_closed`: the peer's
  // FIN has come.
  void mark_readable(bool half_closed);
  void mark_writable() { is_full_ = false; }
  bool is_full() const { return is_full_; }
  // A receive may bring something without a further edge.
  bool may_receive() const { return !is_drained_; }

  // What was received and not taken. It may be altered in place; it stays where it is until
  // anything else is received, by whichever client.
  std::span<std::byte> input() const { return input_; }
  // Drops the first `n` bytes of it. An idle client holds no buffer.
  void take(std::size_t n);

  // One recv, behind what is there. Requires that input() is shorter than
  // receive_buffer::bytes_max.
  socket_status receive();

  // What a process that goes on with the descriptor needs besides input(); and from there on. The
  // first edges that it gets say what can be done.
  bool has_failed() const { return has_failed_; }
  void adopt(byte_buffer input, bool has_failed);

  // One send; `sent`: how many the kernel took.
  socket_status send(std::span<const std::byte> bytes, std::size_t& sent);

 private:
  friend class receive_buffer;
  // Moves input that is still in the shared buffer into this client's own.
  void park();

  receive_buffer& shared_;
  std::span<std::byte> input_;  // in shared_ or in parked_
  byte_buffer parked_;
  int descriptor_;
  bool is_drained_ = false;  // the last recv took all there was
  bool is_full_ = false;
  bool is_half_closed_ = false;
  bool has_failed_ = false;
};

}  // namespace presenter::gateway
