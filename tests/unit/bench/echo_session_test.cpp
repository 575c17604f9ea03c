#include "bench/chat_backend/echo_session.hpp"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <numeric>

#include "tests/unit/bench/socket_pair.hpp"

namespace presenter::chat_backend {
namespace {

using asio::ip::tcp;

TEST(EchoSession, SendsEveryByteBackAndPassesTheEndOn) {
  asio::io_context io{1};
  socket_pair sockets(io);
  bool ended = false;
  asio::co_spawn(io, echo_session<tcp::socket>(std::move(sockets.far_end)),
                 [&](const std::exception_ptr& thrown) {
                   EXPECT_FALSE(thrown);
                   ended = true;
                 });
  std::vector<unsigned char> sent(300'000);
  std::iota(sent.begin(), sent.end(), static_cast<unsigned char>(0));
  asio::async_write(sockets.near_end, asio::buffer(sent), [&](auto error, std::size_t) {
    EXPECT_FALSE(error);
    sockets.near_end.shutdown(tcp::socket::shutdown_send);
  });
  std::vector<unsigned char> received;
  boost::system::error_code at_end;
  asio::async_read(sockets.near_end, asio::dynamic_buffer(received),
                   [&](auto error, std::size_t) { at_end = error; });
  io.run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(at_end, asio::error::eof);
  EXPECT_EQ(received, sent);
}

}  // namespace
}  // namespace presenter::chat_backend
