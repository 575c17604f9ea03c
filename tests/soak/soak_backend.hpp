// The backend's end of a soak: the SDK in a thread of its own, one coroutine per stream.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "tests/soak/soak_gateway.hpp"

namespace presenter::testing {

// Life: listens from construction; the destructor closes its links and ends the thread.
class soak_backend {
 public:
  // Each stream is read, and echoed, in pieces of at most `buffer_bytes`.
  // kind.
  soak_backend(protocol::acceptor_options options, std::size_t buffer_bytes)
      : buffer_bytes_(buffer_bytes),
        acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}, with_admission(options)),
        endpoint_(acceptor_.local_endpoint()) {
    boost::asio::co_spawn(io_, serve(), rethrow);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~soak_backend() {
    boost::asio::post(io_, [this] { acceptor_.close(); });
    thread_.join();
  }

  boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }

  // As they are now; any thread may ask.
  protocol::acceptor_counters counters() {
    std::promise<protocol::acceptor_counters> asked;
    boost::asio::post(io_, [&] { asked.set_value(acceptor_.counters()); });
    return asked.get_future().get();
  }

 private:
  static void rethrow(const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  }

  static protocol::acceptor_options with_admission(protocol::acceptor_options options) {
    options.admit = [](const protocol::open_frame& open) -> std::optional<protocol::refusal> {
      if (kind_of(open) != soak_kind::refused) return std::nullopt;
      return protocol::refusal{};
    };
    return options;
  }

  static soak_kind kind_of(const protocol::open_frame& open) {
    return static_cast<soak_kind>(open.key.front());
  }

  boost::asio::awaitable<void> serve() {
    boost::system::error_code failed;
    while (true) {
      auto stream = co_await acceptor_.async_accept(
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed) co_return;
      boost::asio::co_spawn(io_, echo(std::move(stream), buffer_bytes_), rethrow);
    }
  }

  // One that the backend finishes is finished after the first piece.
  static boost::asio::awaitable<void> echo(protocol::mux_stream stream, std::size_t buffer_bytes) {
    const soak_kind kind = kind_of(stream.info());
    if (kind == soak_kind::backend_resets)
      co_return stream.close(protocol::reset_reason::cancelled);
    std::vector<std::byte> bytes(buffer_bytes);
    boost::system::error_code failed;
    while (true) {
      const auto room = boost::asio::buffer(bytes);
      const std::size_t n = co_await stream.async_read_some(
          room, boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed) co_return;
      const auto piece = boost::asio::buffer(bytes.data(), n);
      co_await boost::asio::async_write(
          stream, piece, boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed || kind == soak_kind::backend_finishes) co_return;
    }
  }

  const std::size_t buffer_bytes_;
  boost::asio::io_context io_{1};
  protocol::mux_acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  std::thread thread_;
};

}  // namespace presenter::testing
