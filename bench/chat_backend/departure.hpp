// How a chat server goes: it says that it drains, the gateways move its streams away, and when it
// is empty, or has waited long enough, it leaves the map and ends. Begun by a signal or by an
// operator, who may change their mind for as long as it is not empty.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

#include "bench/chat_backend/chat_server.hpp"
#include "protocol/backend_sdk/backend.hpp"

namespace presenter::chat_backend {

// Life: shorter than what it was given. Confined to: the io_context's one thread.
class departure {
 public:
  // `member` nullptr: there is no map to leave. `empty_timeout`: how long the gateways have to move
  // the streams away. `on_gone`: nothing is left, the process may end.
  departure(boost::asio::io_context&, chat_server& server, protocol::backend* member,
            std::chrono::milliseconds empty_timeout, std::function<void()> on_gone);

  // The process is to end.
  void start();

  // Somebody has written our state in the map.
  void on_ordered(shard_router::backend_state state);

 private:
  enum class stage { staying, emptying, leaving };

  void start_emptying();
  void look_again();
  void leave();

  chat_server& server_;
  protocol::backend* const member_;
  const std::chrono::milliseconds empty_timeout_;
  std::function<void()> on_gone_;
  stage stage_ = stage::staying;
  bool is_final_ = false;  // by a signal
  std::chrono::steady_clock::time_point leave_at_;
  boost::asio::steady_timer timer_;
};

}  // namespace presenter::chat_backend
