// One client's session with the chat server, as a coroutine over any stream: a TCP socket, or a
// stream of a link (protocol/backend_sdk/mux_stream.hpp). Packets go up to the chat_service, its
// outbox goes down; what packets mean is not known here.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "bench/chat_backend/chat_service.hpp"

namespace presenter::chat_backend {

namespace asio = boost::asio;

// Something to wait for that another coroutine of the same thread brings about. The waiter checks
// its condition first, so a signal between two waits is not missed.
class wake_signal {
 public:
  explicit wake_signal(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> wait() {
    boost::system::error_code cancelled;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

// Life: shared by its reader and its writer, ends with the later of them.
// Confined to: the thread of the stream's io_context, which must have only one.
// Bounds: one packet (packet_bytes_max) inbound, outbox_bytes_max outbound.
template <class AsyncStream>
class session_state : public chat_client,
                      public std::enable_shared_from_this<session_state<AsyncStream>> {
 public:
  session_state(AsyncStream stream, chat_service& service)
      : stream_(std::move(stream)),
        service_(service),
        output_(stream_.get_executor()),
        room_(stream_.get_executor()),
        writer_done_(stream_.get_executor()) {}

  // Reads until the client's end, an error or a packet that cannot be served; then everything
  // queued is written and the stream closed.
  static asio::awaitable<void> run(std::shared_ptr<session_state> self) {
    self->start_writer();
    co_await self->read_packets();
    self->service_.leave(*self);
    self->is_finishing_ = true;
    self->output_.notify();
    while (!self->has_writer_ended_)
      co_await self->writer_done_.wait();
    self->close();
  }

 private:
  void on_output() override { output_.notify(); }
  void on_replaced() override { close(); }

  void close() {
    if (std::exchange(is_closed_, true)) return;
    stream_.close();
    output_.notify();
    room_.notify();
  }

  asio::awaitable<void> read_packets() {
    boost::system::error_code failed;
    while (!failed && !is_closed_) {
      if (out().is_congested()) {
        co_await room_.wait();
        continue;
      }
      failed = co_await read_packet();
      if (!failed && !is_closed_) failed = service_.handle_packet(*this, packet_);
      // An idle client keeps no buffer that one long packet once needed.
      if (packet_.capacity() > 1'024) std::vector<std::byte>().swap(packet_);
    }
  }

  // One packet into packet_, without its length.
  asio::awaitable<boost::system::error_code> read_packet() {
    boost::system::error_code failed;
    co_await asio::async_read(stream_, asio::buffer(header_),
                              asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return failed;
    const auto length = packet_length(header_);
    if (!length) co_return length.error();
    packet_.resize(*length);
    co_await asio::async_read(stream_, asio::buffer(packet_),
                              asio::redirect_error(asio::use_awaitable, failed));
    co_return failed;
  }

  void start_writer() {
    auto self = this->shared_from_this();
    asio::co_spawn(stream_.get_executor(), write_outbox(self),
                   [self](const std::exception_ptr&) { self->on_writer_ended(); });
  }

  static asio::awaitable<void> write_outbox(std::shared_ptr<session_state> self) {
    while (!self->is_closed_) {
      if (self->out().empty()) {
        if (self->is_finishing_) co_return;
        co_await self->output_.wait();
        continue;
      }
      boost::system::error_code failed;
      const auto run = self->out().start_write();
      co_await asio::async_write(self->stream_, asio::buffer(run.data(), run.size()),
                                 asio::redirect_error(asio::use_awaitable, failed));
      self->out().finish_write();
      if (failed) self->close();
      self->room_.notify();
    }
  }

  void on_writer_ended() {
    has_writer_ended_ = true;
    // Without a writer there is nothing to read for.
    if (!is_finishing_) close();
    writer_done_.notify();
  }

  AsyncStream stream_;
  chat_service& service_;
  wake_signal output_;       // for the writer: something to write, or the end
  wake_signal room_;         // for the reader: the outbox was written
  wake_signal writer_done_;  // for run()
  std::array<std::byte, 4> header_{};
  std::vector<std::byte> packet_;
  bool is_finishing_ = false;
  bool has_writer_ended_ = false;
  bool is_closed_ = false;
};

// Serves one client until it leaves, is replaced by a later login of the same user, or sends what
// cannot be served. Never throws for what a client does. `service` outlives it.
template <class AsyncStream>
asio::awaitable<void> chat_session(AsyncStream stream, chat_service& service) {
  auto state = std::make_shared<session_state<AsyncStream>>(std::move(stream), service);
  co_await session_state<AsyncStream>::run(std::move(state));
}

}  // namespace presenter::chat_backend
