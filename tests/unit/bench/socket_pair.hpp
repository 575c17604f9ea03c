// Two ends of a TCP connection on loopback: the sessions' subject is a socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace presenter::chat_backend {

struct socket_pair {
  explicit socket_pair(boost::asio::io_context& io) : near_end(io), far_end(io) {
    using boost::asio::ip::tcp;
    tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    near_end.connect(acceptor.local_endpoint());
    acceptor.accept(far_end);
    near_end.set_option(tcp::no_delay(true));
    far_end.set_option(tcp::no_delay(true));
  }

  boost::asio::ip::tcp::socket near_end;  // the test's
  boost::asio::ip::tcp::socket far_end;   // the session's
};

}  // namespace presenter::chat_backend
