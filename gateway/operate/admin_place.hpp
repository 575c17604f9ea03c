// The place of the admin endpoint. A gateway that starts beside its predecessor finds it taken
// until that ends; it serves its clients meanwhile, and tries again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "gateway/operate/admin_endpoint.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread.
class admin_place {
 public:
  static constexpr std::chrono::seconds retry_interval{1};

  // `may_wait`: an address in use is a warning. Throws boost::system::system_error.
  admin_place(boost::asio::io_context& control, const boost::asio::ip::tcp::endpoint& address,
              admin_content content, bool may_wait);

  // One that listens already; `listening` becomes this object's.
  admin_place(boost::asio::io_context& control, const boost::asio::ip::tcp::endpoint& address,
              admin_content content, int listening);

  bool is_open() const { return endpoint_ != nullptr; }
  // With the port that was chosen if port 0 was asked for.
  boost::asio::ip::tcp::endpoint local_endpoint() const;
  // Of the socket that listens; -1: it does not.
  int descriptor() const { return is_open() ? endpoint_->descriptor() : -1; }
  void stop();

 private:
  void open();
  void try_later();

  boost::asio::io_context& control_;
  const boost::asio::ip::tcp::endpoint address_;
  const admin_content content_;
  boost::asio::steady_timer timer_;
  log_pace said_{1, std::chrono::minutes(1)};
  std::unique_ptr<admin_endpoint> endpoint_;  // nullptr: the address is not ours yet
};

}  // namespace presenter::gateway
