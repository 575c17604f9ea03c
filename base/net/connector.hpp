// One TCP connection to a peer with several addresses: they are tried one after the other, the next
// when the one before has failed or has not answered for a moment, and the first that connects
// wins.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net/dns_channel.hpp"

namespace presenter::net {

using tcp_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
using endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

// In the order of RFC 8305 §4: the families take turns, beginning with that of the first address.
// At most addresses_max: what a name server sends is not bounded by us.
inline constexpr std::size_t addresses_max = 16;
endpoints interleaved(const addresses& all, std::uint16_t port);

// What became of one address. asio::error::timed_out: it had not answered in the end;
// operation_aborted: another was first.
struct connect_attempt {
  boost::asio::ip::tcp::endpoint to;
  boost::system::error_code result;
};

// "10.0.0.1: Connection refused, ::1: Connection timed out"
std::string text_of(const std::vector<connect_attempt>& attempts);

// Life: held by its own waits until `done` has been called, or cancel(); and by its owner, who
// may cancel. Confined to: the io_context's one thread. Bounds: a socket for each address, at most
// addresses_max; `timeout` for all of them together. See: RFC 8305 §5.
class connector : public std::enable_shared_from_this<connector> {
 public:
  // The attempts that were begun. Error: that of the first address, or errc::no_address if there
  // is none; `socket` then is closed.
  using handler = std::function<void(boost::system::error_code, tcp_socket socket,
                                     const std::vector<connect_attempt>& attempts)>;

  // RFC 8305 §5's recommended delay; shorter if the timeout would not leave one to each address.
  static constexpr std::chrono::milliseconds delay_most{250};

  connector(boost::asio::io_context& io, endpoints targets);

  // Once. `done` is called later, on the io_context.
  void start(std::chrono::milliseconds timeout, handler done);

  // `done` is not called any more.
  void cancel();

 private:
  void try_next();
  void on_result(std::size_t which, boost::system::error_code result);
  void finish(boost::system::error_code failed, tcp_socket socket);

  boost::asio::io_context& io_;
  const endpoints targets_;
  std::vector<connect_attempt> attempts_;
  std::vector<tcp_socket> sockets_;  // of the attempts
  std::size_t under_way_ = 0;
  std::chrono::milliseconds delay_{0};
  boost::asio::steady_timer next_;
  boost::asio::steady_timer limit_;
  handler done_;  // empty: it is over
};

}  // namespace presenter::net
