// One client's way to a gateway: TCP connect, TLS handshake, then bytes both ways until either side
// ends it. What the bytes mean is its user's business; so is connecting again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/byte_buffer.hpp"
#include "bench/load_generator/event_loop.hpp"
#include "bench/load_generator/gateway_address.hpp"
#include "bench/load_generator/tls_client.hpp"

namespace presenter::bench {

class channel_user {
 public:
  virtual void on_channel_open() = 0;
  // Valid during the call. The channel may be closed from here.
  virtual void on_channel_bytes(std::span<const std::byte>) = 0;
  // It is closed and may be opened again. `reason` is a short text, the same for the same cause:
  // "closed by the gateway", "truncated", or an error's own words.
  virtual void on_channel_closed(std::string_view reason) = 0;

 protected:
  ~channel_user() = default;
};

// What may wait for a gateway that does not read, per client: two seconds of the busiest load.
inline constexpr std::size_t channel_queue_bytes_max = 256 * 1'024;

// Life: its client's; opened and closed many times. Confined to: the loop's thread.
// Bounds: channel_queue_bytes_max outbound, nothing is kept inbound.
class gateway_channel : private readiness_handler {
 public:
  enum class state { closed, connecting, handshaking, open, closing };

  gateway_channel(event_loop&, const tls_client_context&, channel_user&);
  ~gateway_channel();
  gateway_channel(const gateway_channel&) = delete;
  gateway_channel& operator=(const gateway_channel&) = delete;

  // From closed. Failure comes to on_channel_closed, perhaps before this returns.
  void open(const gateway_address&, const source_address* source);

  // Open, and less than channel_queue_bytes_max would wait.
  bool has_room_for(std::size_t bytes) const;
  // Only when there is room. A failure on the way comes to on_channel_closed, perhaps at once.
  void send(std::span<const std::byte>);

  // Says close_notify and waits for the gateway's end; on_channel_closed follows.
  void close_cleanly();
  // Closes at once, without on_channel_closed.
  void abandon();
  // The same, and the gateway is told with a RST, as by a machine that has lost its state.
  void reset();

  state current_state() const { return state_; }
  steady_time connect_started() const { return connect_started_; }
  steady_time connected_at() const { return connected_at_; }

 private:
  void on_ready(std::uint32_t events) override;
  void finish_connect();
  void step_handshake();
  void read_some();
  void flush();
  void want_write(bool);
  void fail(std::string_view reason);
  void fail(const tls_result&);

  event_loop& loop_;
  const tls_client_context& context_;
  channel_user& user_;
  state state_ = state::closed;
  int fd_ = -1;
  bool wants_write_ = false;
  std::unique_ptr<tls_client> tls_;
  byte_buffer unsent_;
  steady_time connect_started_;
  steady_time connected_at_;
};

}  // namespace presenter::bench
