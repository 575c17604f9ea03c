// One request of HTTP/1.1 over TLS and its reply, for the control thread's calls to other people's
// services. The service's certificate is always verified. It keeps no connection: calls come every
// few seconds at most.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/net/http_message.hpp"
#include "base/net/http_url.hpp"
#include "base/net/resolver.hpp"

namespace presenter::net {

struct http_limits {
  std::chrono::milliseconds timeout{10'000};  // from the name's look-up to the reply's last byte
  std::size_t reply_bytes_max = 1'024 * 1'024;
};

struct http_outcome {
  // An errc of names, of TLS or of the reply; asio::error::timed_out; what the system says of a
  // connection. None: there is a reply, of whatever status.
  boost::system::error_code error;
  std::string text;  // of the error, for people, with the host
  http_reply reply;
};

// Life: its owner's. Destroyed while a request is under way, it cuts the connection and calls
//   nobody any more. Not to be destroyed by a handler of its own.
// Confined to: the io_context's one thread; `done` is called there, never inside ask().
// Bounds: one request at a time; one deadline; a reply's header has header_bytes_max. Redirections
//   are not followed. Proxies are not used.
class https_client {
 public:
  using handler = std::function<void(http_outcome)>;

  static constexpr std::uint32_t header_bytes_max = 16 * 1'024;

  // `ca_file`: whose certificates are trusted; empty: the system's. It is read for each request:
  // a renewed file is in force at once, and an idle gateway keeps no certificates in memory.
  explicit https_client(boost::asio::io_context& io, std::filesystem::path ca_file = {},
                        resolver_options names = {});
  ~https_client();
  https_client(const https_client&) = delete;
  https_client& operator=(const https_client&) = delete;

  // Adds Host, unless the request has it, Content-Length and Connection; the target is the
  // request's, not that of `to`. A request under way is given up, its `done` never called.
  void ask(const http_url& to, http_request request, const http_limits& limits, handler done);

 private:
  class exchange;

  boost::asio::io_context& io_;
  const std::filesystem::path ca_file_;
  resolver names_;
  std::shared_ptr<exchange> current_;
};

}  // namespace presenter::net
