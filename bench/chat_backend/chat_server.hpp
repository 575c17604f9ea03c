// The demo chat server around its sessions: takes streams from the gateways' links and serves each
// with a chat or an echo session until it is told to drain.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "bench/chat_backend/chat_service.hpp"
#include "bench/chat_backend/history_folder.hpp"
#include "bench/chat_backend/history_watch.hpp"
#include "protocol/backend_sdk/mux_acceptor.hpp"

namespace presenter::chat_backend {

struct chat_server_options {
  std::string name;
  boost::asio::ip::tcp::endpoint listen;
  bool is_echo = false;
  // A sent-again `authenticate` replaces the session of the one who sent it first, no more.
  bool takes_early_data = false;
  // A folder that all chat servers of the fleet see, for the couples' histories; empty: each keeps
  // its own in memory.
  std::string histories;
  // Streams go to other chat servers and come from them, unseen by their clients. A chat needs
  // `histories` for it.
  bool hands_over = false;
  // Of links whose gateway is silent, see protocol/README.md §6.
  std::chrono::milliseconds ping_interval = protocol::limits::ping_interval_default;
  std::chrono::milliseconds dead_after = protocol::limits::dead_after_default;
  // Whose keys are served; empty: all. See protocol/backend_sdk/backend.hpp.
  std::shared_ptr<protocol::stream_fence> fence;
  std::chrono::milliseconds move_after{300'000};
};

// Life: until its io_context has ended. Confined to: the io_context's one thread.
class chat_server {
 public:
  // Listens at once. Throws std::system_error if it cannot, or has no folder for its histories.
  chat_server(boost::asio::io_context&, const chat_server_options&);

  boost::asio::ip::tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }
  protocol::mux_acceptor& acceptor() { return acceptor_; }
  const chat_counters& counters() const { return service_.counters(); }

  void start_accepting();

 private:
  boost::asio::awaitable<void> accept_streams();
  boost::asio::awaitable<void> watch_histories();
  boost::asio::awaitable<void> session_of(protocol::mux_stream stream);
  void start_session(protocol::mux_stream stream);

  boost::asio::io_context& io_;
  const chat_server_options options_;
  const std::optional<history_folder> histories_;
  chat_service service_;
  std::optional<history_watch> watch_;
  protocol::mux_acceptor acceptor_;
};

}  // namespace presenter::chat_backend
