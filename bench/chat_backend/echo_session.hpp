// Sends every byte back, the first packet included: the other end of the benchmarks. The coroutine
// works over a TCP socket and over a stream of a link alike.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <vector>

namespace presenter::chat_backend {

namespace asio = boost::asio;

// One Data frame's worth: a full frame comes back as one.
inline constexpr std::size_t echo_buffer_bytes = 16 * 1'024;

// Ends the direction towards the peer, the other stays open. Errors are those of a peer that has
// gone already, and are of no interest.
template <class AsyncStream>
void shutdown_send(AsyncStream& stream) {
  boost::system::error_code ignored;
  if constexpr (requires { stream.shutdown(asio::socket_base::shutdown_send, ignored); }) {
    stream.shutdown(asio::socket_base::shutdown_send, ignored);
  } else {
    stream.shutdown();
  }
}

// Echoes until the client's end, which it passes on, or an error; then closes the stream.
// Bounds: echo_buffer_bytes; it reads only what it could write, so back-pressure is carried
// through.
template <class AsyncStream>
asio::awaitable<void> echo_session(AsyncStream stream) {
  std::vector<std::byte> bytes(echo_buffer_bytes);
  boost::system::error_code failed;
  while (!failed) {
    const auto room = asio::buffer(bytes);
    const std::size_t n =
        co_await stream.async_read_some(room, asio::redirect_error(asio::use_awaitable, failed));
    if (failed) break;
    const auto echo = asio::buffer(bytes.data(), n);
    co_await asio::async_write(stream, echo, asio::redirect_error(asio::use_awaitable, failed));
  }
  if (failed == asio::error::eof) shutdown_send(stream);
  stream.close();
}

}  // namespace presenter::chat_backend
