// For boost::beast::websocket::stream<mux_stream>: how Beast ends what is below a WebSocket, found
// by it through the argument. Include it beside Beast; nothing else of the SDK knows of Beast.
#pragma once

#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "protocol/backend_sdk/mux_stream.hpp"

namespace presenter::protocol {

// Both sides have said what they had to say: the stream ends as by close(), which goes on to wait
// for the client's end by itself.
template <class Handler>
void async_teardown(boost::beast::role_type, mux_stream& stream, Handler&& handler) {
  stream.close();
  boost::asio::post(stream.get_executor(), boost::asio::append(std::forward<Handler>(handler),
                                                               boost::system::error_code()));
}

// After a timeout of the WebSocket's.
inline void beast_close_socket(mux_stream& stream) {
  stream.close();
}

}  // namespace presenter::protocol
