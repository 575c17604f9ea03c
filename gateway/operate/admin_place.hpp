// One place of the admin endpoint. A gateway that starts beside its predecessor finds it taken
// until that ends; it serves its clients meanwhile, and tries again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gateway/operate/admin_address.hpp"
#include "gateway/operate/admin_endpoint.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {

// Which place it is, and what it is for.
struct admin_spot {
  std::string key;  // of the configuration, for the log
  admin_address address;
  admin_rules rules{};
};

// Life: the server's. Confined to: the control thread.
class admin_place {
 public:
  static constexpr std::chrono::seconds retry_interval{1};

  // `may_wait`: an address in use is a warning. Throws boost::system::system_error.
  admin_place(boost::asio::io_context& control, admin_spot spot, admin_content content,
              bool may_wait);

  // One that listens already; `listening` becomes this object's.
  admin_place(boost::asio::io_context& control, admin_spot spot, admin_content content,
              int listening);

  bool is_open() const { return endpoint_ != nullptr; }
  const admin_address& address() const { return spot_.address; }
  // With the port that was chosen if port 0 was asked for. Nothing: it is a unix socket.
  std::optional<boost::asio::ip::tcp::endpoint> tcp_endpoint() const;
  // Of the socket that listens; -1: it does not.
  int descriptor() const { return is_open() ? endpoint_->descriptor() : -1; }

  // See admin_endpoint.
  void set_token(const std::string& token);
  // With the file of a unix socket, if it is still ours.
  void stop();
  // Another process goes on with the socket, and with its file. See admin_endpoint.
  void leave();

 private:
  void open();
  void try_later();

  boost::asio::io_context& control_;
  admin_spot spot_;
  const admin_content content_;
  boost::asio::steady_timer timer_;
  log_pace said_{1, std::chrono::minutes(1)};
  std::unique_ptr<admin_endpoint> endpoint_;  // nullptr: the address is not ours yet
  std::optional<file_identity> file_;         // of the socket
};

}  // namespace presenter::gateway
