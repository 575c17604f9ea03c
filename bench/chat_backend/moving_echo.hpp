// The echo session for streams that may go on at another chat server: nothing but what is on its
// way has to go along, and the SDK takes that. So the deposit that it makes whenever it has echoed
// all, for the day this server crashes, says no more than how far it has come.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "bench/chat_backend/echo_session.hpp"
#include "protocol/backend_sdk/mux_stream.hpp"

namespace presenter::chat_backend {

// Life: the session's. Whoever waits for the gateway's wish may come too late and finds it gone.
struct moving_stream {
  protocol::mux_stream stream;
  bool is_reading = false;
  bool is_asked_for = false;  // another chat server owns its key
};

inline void watch_for_handoff(const std::shared_ptr<moving_stream>& session) {
  session->stream.async_wait_handoff(
      [weak = std::weak_ptr(session)](boost::system::error_code failed, protocol::handoff_info) {
        const auto alive = weak.lock();
        if (failed || !alive) return;
        alive->is_asked_for = true;
        // A write goes on to its end.
        if (alive->is_reading) alive->stream.cancel();
      });
}

// Echoes until the client's end, an error, or until the stream is handed over.
inline asio::awaitable<void> moving_echo_session(protocol::mux_stream stream) {
  const auto session = std::make_shared<moving_stream>();
  session->stream = std::move(stream);
  watch_for_handoff(session);
  std::vector<std::byte> bytes(echo_buffer_bytes);
  boost::system::error_code failed;
  if (session->stream.info().continued) session->stream.deposit("");
  while (!failed && !session->is_asked_for) {
    const auto room = asio::buffer(bytes);
    session->is_reading = true;
    const std::size_t n = co_await session->stream.async_read_some(
        room, asio::redirect_error(asio::use_awaitable, failed));
    session->is_reading = false;
    if (failed) break;
    const auto echo = asio::buffer(bytes.data(), n);
    co_await asio::async_write(session->stream, echo,
                               asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) session->stream.deposit("");
  }
  if (session->is_asked_for) session->stream.hand_over("", failed);
  if (failed == asio::error::eof) shutdown_send(session->stream);
  session->stream.close();
}

}  // namespace presenter::chat_backend
