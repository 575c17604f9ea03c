// An address that swallows what is sent to it, as behind a firewall that drops: a listening socket
// whose queue is full answers no SYN.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <vector>

namespace presenter::tests {

// Life: swallows for as long as it lives. Throws boost::system::system_error.
class silent_listener {
 public:
  using tcp = boost::asio::ip::tcp;

  silent_listener(boost::asio::io_context& io, const tcp::endpoint& at) : listening_(io) {
    listening_.open(at.protocol());
    listening_.set_option(tcp::acceptor::reuse_address(true));
    listening_.bind(at);
    listening_.listen(0);
    // One is taken into a queue of 0; the others wait for room that never comes.
    for (int i = 0; i < 4; ++i) {
      queue_.emplace_back(io);
      queue_.back().open(at.protocol());
      queue_.back().native_non_blocking(true);
      const auto to = endpoint();
      ::connect(queue_.back().native_handle(), to.data(), static_cast<socklen_t>(to.size()));
    }
  }

  tcp::endpoint endpoint() const { return listening_.local_endpoint(); }

 private:
  tcp::acceptor listening_;
  std::vector<tcp::socket> queue_;
};

}  // namespace presenter::tests
