// What a relay needs of the client's side: decrypted bytes without waiting, and to be told apart
// how they end. Implemented by client_session; a test implements it in memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include "gateway/vocabulary/close_reason.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

enum class client_io : std::uint8_t {
  ok,
  blocked,    // nothing to be read, or no room to write, until the client's socket says so
  again,      // nothing now, but more may be read in a later turn of the loop
  finished,   // clean end of what the client sends
  truncated,  // the client's TCP ended without TLS's close_notify
  reset,      // the client's socket failed
  violation,  // the client broke TLS
};

struct client_io_result {
  client_io status = client_io::ok;
  std::size_t n = 0;  // with ok: 1 or more
};

class client_end {
 public:
  virtual client_io_result read(std::span<std::byte> into) = 0;
  virtual client_io_result write(std::span<const std::byte> bytes) = 0;
  // The backend has sent its last byte: tell the client (close_notify).
  virtual client_io finish_writing() = 0;
  // Reading could go on without a further readiness event.
  virtual bool has_input() const = 0;
  // Ask for on_client_readable in the next turn of the loop: others come first.
  virtual void read_again_later() = 0;
  // The only time limit of a relay: no progress for so long. Replaces the one before.
  virtual void expect_progress(std::chrono::milliseconds within) = 0;
  virtual void expect_nothing() = 0;

  // The relay's stream has been accepted, or refused, or was lost before either, or takes more of
  // the first packet: the session decides.
  virtual void on_stream_accepted() = 0;
  virtual void on_stream_writable() = 0;
  virtual void on_stream_refused(const protocol::refuse_frame& refusal) = 0;
  virtual void on_stream_lost_unaccepted() = 0;

  // The accepted stream was lost with its link. `is_deposit_exact`: the newest deposit covers all
  // bytes of both directions. True: the stream goes on at another backend, and nothing is read
  // until relay::begin; relay::send_rest is due there, and says when it is done.
  virtual bool on_stream_lost(bool is_deposit_exact) = 0;

  // Part of the answer to relay::hand_off; with `last` the stream has been given up and released.
  // Then relay::send_rest is due, and says that all bytes of the old backend are with the client.
  virtual void on_stream_checkpoint(const protocol::checkpoint_frame& checkpoint) = 0;
  virtual void on_rest_sent() = 0;

  // The relay is over; its stream has been released. Bytes for the client may be left in `unsent`.
  // `cause`: why the stream was reset, in the protocol's words; empty: it was not.
  virtual void on_relay_over(close_reason reason, std::string_view cause) = 0;

 protected:
  ~client_end() = default;
};

}  // namespace presenter::gateway
