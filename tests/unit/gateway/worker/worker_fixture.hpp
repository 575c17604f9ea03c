// A whole worker in its own thread, real clients over loopback, and a backend on the SDK.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/worker/worker.hpp"
#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"
#include "tests/unit/gateway/worker/worker_parts.hpp"

namespace presenter::gateway {

namespace asio = boost::asio;
using presenter::testing::tls_peer;

inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

inline std::string first_packet_bytes() {
  return packet_of("ab");
}

// Serves streams in a thread of its own: echoes, or reads only when it is told to.
class backend {
 public:
  backend(bool echo, std::int32_t window, std::int32_t streams_open_max) : echo_(echo) {
    protocol::acceptor_options options;
    options.node = "b1";
    options.stream_window_bytes = window;
    options.streams_open_max = streams_open_max;
    acceptor_.emplace(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0), options);
    asio::co_spawn(io_, serve(), [](std::exception_ptr) {});
    thread_ = std::thread([this] { io_.run(); });
  }
  ~backend() {
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return acceptor_->local_endpoint().port(); }
  std::size_t received() const { return received_; }
  int ended() const { return ended_; }  // streams that were read to their end
  void read() {
    asio::post(io_, [this] {
      for (auto& stream : streams_)
        asio::co_spawn(io_, drain(stream), [](std::exception_ptr) {});
    });
  }
  // Nothing more comes of it, on any stream.
  void finish() {
    asio::post(io_, [this] {
      for (auto& stream : streams_)
        stream->shutdown_send();
    });
  }

 private:
  asio::awaitable<void> serve() {
    for (;;) {
      auto [error, stream] = co_await acceptor_->async_accept(as_result);
      if (error) co_return;
      streams_.push_back(std::make_shared<protocol::mux_stream>(std::move(stream)));
      if (echo_) asio::co_spawn(io_, drain(streams_.back()), [](std::exception_ptr) {});
    }
  }

  asio::awaitable<void> drain(std::shared_ptr<protocol::mux_stream> stream) {
    std::vector<char> bytes(65'536);
    for (;;) {
      const auto [error, n] = co_await stream->async_read_some(asio::buffer(bytes), as_result);
      if (error) ++ended_;
      if (error) co_return;
      received_ += n;
      std::size_t sent = 0;
      while (echo_ && sent < n) {
        const auto rest = asio::buffer(bytes.data() + sent, n - sent);
        const auto [write_error, m] = co_await stream->async_write_some(rest, as_result);
        if (write_error) co_return;
        sent += m;
      }
    }
  }

  asio::io_context io_{1};
  const bool echo_;
  std::optional<protocol::mux_acceptor> acceptor_;
  std::vector<std::shared_ptr<protocol::mux_stream>> streams_;
  std::atomic<std::size_t> received_{0};
  std::atomic<int> ended_{0};
  std::thread thread_;
};

class Worker : public ::testing::Test {
 protected:
  Worker() {
    settings.tls.certificate = files.folder() / "tls.pem";
    settings.tls.private_key = files.folder() / "tls.key";
  }

  worker_setup setup(std::size_t clients_max) const {
    return {.settings = settings,
            .node = "gw",
            .tag_stem = "gw-0",
            .tickets = tickets,
            .tls = load_tls_files(settings.tls, std::time(nullptr)).files,
            .clients_max = clients_max};
  }

  void start(std::size_t clients_max = 1'000) {
    auto socket = listening_socket::open({asio::ip::address_v4::loopback(), 0}, 64);
    ASSERT_TRUE(socket);
    address = socket->local_endpoint();
    serving = std::make_unique<worker>(setup(clients_max), std::move(*socket));
    serving->start("worker 0", {[this] { ++failures; }, [this] { ++ends; }});
    serving->post_listen();
  }

  void start_backend(bool echo, std::int32_t window = protocol::limits::stream_window_bytes_default,
                     std::int32_t streams_open_max = protocol::limits::streams_open_max_default) {
    behind.emplace(echo, window, streams_open_max);
    set_map(behind->port());
  }

  void set_map(std::uint16_t port) {
    serving->post_map(std::make_shared<shard_router::shard_map>(
        1, std::vector<shard_router::backend_entry>{
               {.name = "b1", .host = "127.0.0.1", .port = port, .instance = {}}}));
  }

  int connect_tcp() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(descriptor, address.data(), static_cast<socklen_t>(address.size())), 0);
    return descriptor;
  }
  std::unique_ptr<tls_peer> connect() {
    return std::make_unique<tls_peer>(connect_tcp(), TLS1_3_VERSION);
  }
  std::unique_ptr<tls_peer> relaying() {
    const auto before = clients(client_phase::relaying);
    auto one = connect();
    EXPECT_TRUE(one->handshake_blocking());
    EXPECT_TRUE(one->write_blocking(first_packet_bytes()));
    EXPECT_TRUE(eventually([&] { return clients(client_phase::relaying) > before; }));
    return one;
  }

  std::int64_t clients(client_phase phase) const {
    return serving->metrics().clients_open[phase].value();
  }
  std::uint64_t closes(close_reason reason) const {
    return serving->metrics().closes[reason].value();
  }
  std::uint64_t closes() const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < close_reason_count; ++i)
      all += serving->metrics().closes.at_index(i).value();
    return all;
  }

  void shut_down(duration within = std::chrono::seconds(10)) {
    serving->post_shut_down(within);
    serving->join();
    expect_nobody_left();
  }
  void expect_nobody_left() {
    const worker_metrics& metrics = serving->metrics();
    for (std::size_t i = 0; i <= static_cast<std::size_t>(client_phase::closing); ++i)
      EXPECT_EQ(metrics.clients_open.at_index(i).value(), 0) << i;
    EXPECT_EQ(metrics.streams_open.value(), 0);
    EXPECT_EQ(metrics.links_up.value(), 0);
    EXPECT_EQ(closes(), metrics.clients_accepted.value()) << "one reason for each client";
  }

  config_files files;
  config settings;
  ticket_ring_ptr tickets = make_random_ring();
  tcp_endpoint address;
  std::atomic<int> failures{0};
  std::atomic<int> ends{0};
  std::unique_ptr<worker> serving;
  std::optional<backend> behind;
};

}  // namespace presenter::gateway
