// One client's session with the chat server, as a coroutine over any stream: a TCP socket, or a
// stream of a link (protocol/backend_sdk/mux_stream.hpp), which can go on at another chat server.
// Packets go up to the chat_service, its outbox goes down; what packets mean is not known here.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
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

// A stream that can be given up to another chat server: one of a link.
template <class AsyncStream>
concept movable_stream = requires(AsyncStream& stream, boost::system::error_code& error) {
  stream.hand_over(std::string_view(), error);
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
  // queued is written and the stream closed. Or until the stream is asked for: then what has come
  // of a packet and what is not written go along.
  static asio::awaitable<void> run(std::shared_ptr<session_state> self) {
    self->watch_for_handoff();
    if (!self->take_over()) co_return self->close();
    self->start_writer();
    co_await self->read_packets();
    if (!self->is_leaving_) {
      self->service_.leave(*self);
      self->is_finishing_ = true;
      self->output_.notify();
    }
    while (!self->has_writer_ended_)
      co_await self->writer_done_.wait();
    if (self->is_leaving_) self->hand_over();
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

  bool is_over() const { return is_closed_ || is_leaving_; }

  // --- from another chat server, and to one

  void watch_for_handoff() {
    if constexpr (movable_stream<AsyncStream>) {
      if (service_.shared() == nullptr) return;
      stream_.async_wait_handoff(
          [weak = this->weak_from_this()](boost::system::error_code failed, auto) {
            if (const auto self = weak.lock(); self && !failed) self->on_asked();
          });
    }
  }

  // Who is finishing goes nowhere any more.
  void on_asked() {
    if (is_finishing_ || is_closed_) return;
    is_leaving_ = true;
    stream_.cancel();
    output_.notify();
    room_.notify();
  }

  // False: what another chat server left cannot be gone on with.
  bool take_over() {
    if constexpr (movable_stream<AsyncStream>) {
      const auto before = stream_.info().continued;
      if (!before) return true;
      if (service_.shared() == nullptr) return false;
      const auto state = service_.shared()->unpack(before->state);
      if (!state) return false;
      const auto input = std::as_bytes(std::span(state->input));
      packet_.assign(input.begin(), input.end());
      have_ = packet_.size();
      out().back().append(std::as_bytes(std::span(state->output)));
      is_deposit_due_ = true;
      return !service_.resume(*this, *state);
    }
    return true;
  }

  void hand_over() {
    if constexpr (movable_stream<AsyncStream>) {
      chat::ClientState state = this->state();
      service_.leave(*this);
      state.input.assign(reinterpret_cast<const char*>(packet_.data()), have_);
      state.output = out().take();
      // If the client has gone, or the gateway has not waited, there is nothing left to do.
      boost::system::error_code ignored;
      if (!is_closed_) stream_.hand_over(service_.shared()->pack(state), ignored);
    }
  }

  // Only the reader deposits: a read may have taken bytes that it has not seen yet, and the
  // deposit would be taken to cover them.
  void deposit_if_due() {
    if constexpr (movable_stream<AsyncStream>) {
      if (!is_deposit_due_ || have_ != 0 || !out().empty() || !this->is_authenticated()) return;
      is_deposit_due_ = false;
      stream_.deposit(service_.shared()->pack(this->state()));
    }
  }

  // All is written. The reader, which waits, is called back to deposit.
  void want_deposit() {
    if constexpr (movable_stream<AsyncStream>) {
      if (service_.shared() == nullptr || stream_.deposit_bytes_max() == 0) return;
      is_deposit_due_ = true;
      read_interrupt_.emit(asio::cancellation_type::terminal);
    }
  }

  // --- reading

  asio::awaitable<void> read_packets() {
    boost::system::error_code failed;
    while (!failed && !is_over()) {
      if (out().is_congested()) {
        co_await room_.wait();
        continue;
      }
      failed = co_await read_packet();
      if (failed || is_closed_) break;
      const std::size_t size = *size_to_read();
      const auto packet = std::span(packet_).first(size).subspan(packet_header_bytes);
      failed = service_.handle_packet(*this, packet);
      forget_packet(size);
    }
    const bool is_interrupted = failed == asio::error::operation_aborted;
    if (failed && !is_interrupted && failed != asio::error::eof) is_leaving_ = false;
  }

  // Another chat server may have left more than one.
  void forget_packet(std::size_t size) {
    packet_.erase(packet_.begin(), packet_.begin() + static_cast<std::ptrdiff_t>(size));
    have_ -= size;
    // An idle client keeps no buffer that one long packet once needed.
    if (have_ == 0 && packet_.capacity() > 1'024) std::vector<std::byte>().swap(packet_);
  }

  // One packet into packet_, all of it or as much as comes. It goes on where the last one stopped.
  asio::awaitable<boost::system::error_code> read_packet() {
    boost::system::error_code failed;
    while (!failed) {
      const auto size = size_to_read();
      if (!size) co_return size.error();
      if (have_ >= *size) co_return failed;
      // No more comes to a stream that is asked for.
      if (is_over()) co_return asio::error::operation_aborted;
      packet_.resize(*size);
      deposit_if_due();
      const auto room = asio::buffer(packet_) + have_;
      auto token = asio::bind_cancellation_slot(read_interrupt_.slot(),
                                                asio::redirect_error(asio::use_awaitable, failed));
      have_ += co_await stream_.async_read_some(room, token);
      if (failed == asio::error::operation_aborted && is_deposit_due_) failed = {};
    }
    co_return failed;
  }

  // Of the packet, as far as it is known: its length tells it.
  boost::system::result<std::size_t> size_to_read() const {
    if (have_ < packet_header_bytes) return packet_header_bytes;
    const auto length = packet_length(std::span(packet_).template first<packet_header_bytes>());
    if (!length) return length.error();
    return packet_header_bytes + *length;
  }

  // --- writing

  void start_writer() {
    auto self = this->shared_from_this();
    asio::co_spawn(stream_.get_executor(), write_outbox(self),
                   [self](const std::exception_ptr&) { self->on_writer_ended(); });
  }

  static asio::awaitable<void> write_outbox(std::shared_ptr<session_state> self) {
    while (!self->is_over()) {
      if (self->out().empty()) {
        if (self->is_finishing_) co_return;
        co_await self->output_.wait();
        continue;
      }
      boost::system::error_code failed;
      const auto run = self->out().start_write();
      const auto bytes = asio::buffer(run.data(), run.size());
      const std::size_t n = co_await self->stream_.async_write_some(
          bytes, asio::redirect_error(asio::use_awaitable, failed));
      self->out().finish_write(n);
      if (failed && !self->is_leaving_) self->close();
      if (self->out().empty()) self->want_deposit();
      self->room_.notify();
    }
  }

  void on_writer_ended() {
    has_writer_ended_ = true;
    // Without a writer there is nothing to read for.
    if (!is_finishing_ && !is_leaving_) close();
    writer_done_.notify();
  }

  AsyncStream stream_;
  chat_service& service_;
  wake_signal output_;       // for the writer: something to write, or the end
  wake_signal room_;         // for the reader: the outbox was written
  wake_signal writer_done_;  // for run()
  asio::cancellation_signal read_interrupt_;
  std::vector<std::byte> packet_;  // the one that is being read, its length in front
  std::size_t have_ = 0;           // what has come of it, or of it and more of them
  bool is_deposit_due_ = false;
  bool is_leaving_ = false;  // another chat server owns the key
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
