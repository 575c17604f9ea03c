// The clean end of a client: what is left for it, close_notify, FIN, and then what it still sends,
// unread, until its own end. Closing a socket with unread input would send a RST that destroys what
// is still on its way to the client.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/byte_buffer.hpp"
#include "gateway/tls/tls_channel.hpp"

namespace presenter::gateway {

enum class closing_step : std::uint8_t {
  await_socket,  // the client's socket has more to take or to give
  await_turn,    // the same, and without waiting: others come first
  over,          // the descriptor may be closed
};

// Life: a member of its client session. Confined to: the worker's thread.
class client_closing {
 public:
  // How long a client may take to receive its last bytes and close its own side. Longer only keeps
  // dead phones; shorter would cut answers on slow mobile networks.
  static constexpr std::chrono::seconds timeout{5};

  client_closing() = default;
  // One that is so far already.
  client_closing(bool is_close_notify_sent, bool is_fin_sent)
      : is_close_notify_sent_(is_close_notify_sent), is_fin_sent_(is_fin_sent) {}
  bool is_close_notify_sent() const { return is_close_notify_sent_; }
  bool is_fin_sent() const { return is_fin_sent_; }

  // close_notify, while there may still be bytes of the client: ok once it is on its way.
  tls_status finish_writing(tls_channel& tls);

  // As far as it goes now. `rest`: what is left for the client. `is_client_finished`: its
  // close_notify has come, so nothing else does.
  closing_step go_on(tls_channel& tls, int descriptor, byte_buffer& rest, bool is_client_finished);

 private:
  bool is_close_notify_sent_ = false;
  bool is_fin_sent_ = false;
};

}  // namespace presenter::gateway
