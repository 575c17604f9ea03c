// HTTP for the people and programs that operate the gateway: accepts sessions, reads requests
// within limits, answers with admin_pages. Knows nothing of what the pages say.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "gateway/operate/admin_pages.hpp"

namespace presenter::gateway {

struct admin_limits {
  // More are answered 503 and closed. Far above what health checks and scrapers need.
  std::size_t sessions_max = 64;
  std::size_t header_bytes_max = 8 * 1'024;
  std::size_t body_bytes_max = 1'024;  // nobody reads one
  // For a request to arrive, the pause before it included, and again for its response to leave.
  std::chrono::milliseconds deadline{10'000};
};

// Who may do what by this listener.
struct admin_rules {
  bool is_scraping_only = false;  // health and metrics, and nothing else
  // Whoever has it may do everything, and all others may see health and metrics. Empty: there is
  // none; everybody may look, and orders are taken from this machine.
  std::string token;
};

// Life: from construction to stop() or destruction; afterwards no function of `content` is called.
//   Sessions end on their next turn of the loop.
// Confined to: the thread of the io_context, the control thread.
// Bounds: admin_limits; one request at a time per session.
class admin_endpoint {
 public:
  // Listens at once. Throws boost::system::system_error if the address cannot be had.
  admin_endpoint(boost::asio::io_context&, const boost::asio::ip::tcp::endpoint& address,
                 admin_content content, admin_limits limits = {}, admin_rules rules = {});
  // With a socket that listens already, of whatever family, which becomes this object's.
  admin_endpoint(boost::asio::io_context&, int listening, admin_content content,
                 admin_limits limits = {}, admin_rules rules = {});
  ~admin_endpoint();
  admin_endpoint(const admin_endpoint&) = delete;
  admin_endpoint& operator=(const admin_endpoint&) = delete;

  // With the port that was chosen if port 0 was asked for. Only of TCP, until stop().
  boost::asio::ip::tcp::endpoint local_endpoint() const;

  // Of the socket that listens. Valid until stop().
  int descriptor() const;

  // Another one, or none, for requests that come from now on. Whoever watches by the one before has
  // to come again.
  void set_token(const std::string& token);

  // Closes the listener and every session, mid-response as well. May be called again.
  void stop();

  // Another process goes on with the socket that listens: this one closes it. Answers that are
  // being made or written go on; requests that come now are answered with 503.
  void leave();

 private:
  class server;
  std::shared_ptr<server> server_;
};

}  // namespace presenter::gateway
