// One client's stream as the backend's business code sees it: an Asio stream like a TCP socket.
// asio::async_read, async_write, async_read_until and coroutines written for a socket work on it
// unchanged.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/export.hpp"
#include "protocol/backend_sdk/stream_errc.hpp"
#include "protocol/backend_sdk/stream_port.hpp"

namespace presenter::protocol {

// Comes from mux_acceptor::async_accept. A default-constructed or moved-from stream may only be
// assigned to, closed, destroyed and asked is_open.
//
// Life: independent of acceptor and link; either may go first, and operations then fail.
// Confined to: the thread of its link's io_context; handlers run on their associated executor.
// Bounds: one read and one write at a time; unread input ≤ the stream window that the acceptor
// announced, for the client's credit comes back only as the application reads.
//
// How operations end, besides success:
//   eof                 reads: the peer has finished, and everything before that has been read
//   broken_pipe         writes after shutdown_send
//   stream_errc::moved  another backend owns the key now, and the client comes again there
//   connection_reset    the peer reset the stream (reset_reason says why), or broke its rules
//   connection_aborted  the link is lost
//   timed_out           the deadline of expires_after has passed
//   operation_aborted   cancelled, or the stream was closed here
// After a reset, a move or a lost link, input that had arrived before can still be read; after a
// reset only if no more than half of the link's window is unread, or an application that never
// reads would hold up all other streams.
//
// Cancellation: every operation honours all types (terminal, partial, total). A read or write that
// is cancelled, or timed out, has transferred nothing: input stays readable, output is not sent.
class PRESENTER_EXPORT mux_stream {
 public:
  using executor_type = link_executor;
  // For layers that ask for what is below them, as asio::ssl::stream does.
  using lowest_layer_type = mux_stream;
  using endpoint_type = boost::asio::ip::tcp::endpoint;
  using shutdown_type = boost::asio::socket_base::shutdown_type;
  using error_code = boost::system::error_code;

  mux_stream() = default;
  explicit mux_stream(std::shared_ptr<stream_port> state) : state_(std::move(state)) {}
  mux_stream(mux_stream&&) noexcept = default;
  mux_stream& operator=(mux_stream&& other) noexcept;
  // As close().
  ~mux_stream() { close(); }

  executor_type get_executor() const { return state_->get_executor(); }
  lowest_layer_type& lowest_layer() { return *this; }
  const lowest_layer_type& lowest_layer() const { return *this; }

  // Key, epoch, the client's address and port, TLS facts, the gateway's tag for logs, and whether
  // the stream began with early data. `continued`: what another backend left behind of it.
  const stream_info& info() const { return state_->info(); }

  // The client's, as the gateway saw it. Errors: not_connected without a stream, and
  // invalid_argument if what the gateway says is no address.
  endpoint_type remote_endpoint(error_code& error) const;
  endpoint_type remote_endpoint() const;

  // Reads at least one byte, as soon as there is one. A read into buffers of no size succeeds at
  // once. Signature: void(error_code, std::size_t).
  template <class MutableBufferSequence,
            BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, std::size_t))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_read_some(
      const MutableBufferSequence& buffers,
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<read_into<MutableBufferSequence>, &stream_port::read,
                              &stream_port::cancel_read>(state_, token, buffers);
  }

  // Writes at least one byte, as soon as the stream and the link have credit for one, and at most
  // data_bytes_max. Success means that the link has taken the bytes, not that they have arrived.
  // Signature: void(error_code, std::size_t).
  template <class ConstBufferSequence,
            BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, std::size_t))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_write_some(
      const ConstBufferSequence& buffers,
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<write_from<ConstBufferSequence>, &stream_port::write,
                              &stream_port::cancel_write>(state_, token, buffers);
  }

  // One deadline for all operations, those that are pending and those to come: what is pending then
  // fails with timed_out, and what begins later does so at once, until a new deadline is set. The
  // stream itself stays as it is.
  void expires_after(std::chrono::milliseconds delay);
  void expires_never();

  // Ends pending operations with operation_aborted; the stream stays as it is.
  void cancel();

  // Completes when the gateway asks for the stream because another backend owns its key, at once if
  // it has asked already. Then no more input comes than is available(), and reads that find none
  // wait: end them by cancel. Finish what is to be written, and answer by hand_over; or close the
  // stream, and its client has to come again. Begin it before anything else: a stream whose
  // application has never waited is given up as `moved` at once, and its client has to come again.
  // Needs acceptor_options::hands_over. expires_after is not for it. One at a time.
  // Ends, besides success and as reads do, with eof when both sides have finished.
  // Signature: void(error_code, handoff_info).
  template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, handoff_info))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_wait_handoff(
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<handoff_operation, &stream_port::wait_handoff,
                              &stream_port::cancel_handoff>(state_, token);
  }

  // Gives the stream up, in place of close: `state`, with what is unread and behind all that was
  // written, goes to the backend that owns the key, whose application finds it in
  // info().continued. Returns at once; to the application the stream is closed, and operations that
  // are pending end with operation_aborted: nothing that they have not transferred is sent.
  // Errors, which change nothing:
  //   message_size             state is longer than limits::state_bytes_max
  //   operation_not_supported  the gateway has not asked
  //   not_connected            the stream is closed, reset, finished both ways, or its link is lost
  void hand_over(std::string_view state, error_code& error);
  void hand_over(std::string_view state);

  // Leaves `state` with the gateway, in place of the one before, for the day this process dies: if
  // the client has sent nothing that was not read by then, and nothing was written, the stream goes
  // on at another backend. So deposit after each message, when `state` covers all that was read and
  // written. False, and the one before stays: the gateway takes none so long or none at all, this
  // side has finished, or the stream is over or asked for.
  bool deposit(std::string_view state);

  // How long a deposit may be; 0: none is taken.
  std::size_t deposit_bytes_max() const { return state_->deposit_bytes_max(); }

  // Completes when the gateway says that it is going to close the client, and with the newest if
  // it has said so since the last time. It can be waited for again. Nothing need be done. One at a
  // time. Ends as async_wait_handoff. Signature: void(error_code, notice_info).
  template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, notice_info))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_wait_notice(
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<notice_operation, &stream_port::wait_notice,
                              &stream_port::cancel_notice>(state_, token);
  }

  // As a socket's. shutdown_send tells the peer that nothing more follows (Finish), behind all that
  // was written; reading goes on. shutdown_receive makes reads end with eof, and what still comes
  // is dropped. A second time does nothing.
  void shutdown(shutdown_type what, error_code& error);
  void shutdown(shutdown_type what);
  void shutdown_send() { shutdown(boost::asio::socket_base::shutdown_send); }

  // Ends the stream as a socket's close does: pending operations end with operation_aborted; what
  // was written still arrives, followed by Finish. What the peer sends from now on is dropped, and
  // if it has not finished by itself when the acceptor's `linger` is over it is reset. With input
  // left unread the stream is reset at once (cancelled), behind what was written; and so it is as
  // `moved` if the gateway waits for a hand_over. Idempotent.
  void close();
  void close(error_code& error);  // there is none

  // A link gathers what a turn of the loop has written and sends it at once: no_delay is on, and
  // cannot be turned off. No other option of a socket has a meaning for one stream of a link.
  void set_option(const boost::asio::ip::tcp::no_delay&, error_code& error) { error = {}; }
  void set_option(const boost::asio::ip::tcp::no_delay&) {}

  // Ends the stream by Reset, behind what was written. Idempotent, also after close().
  void close(presenter::protocol::reset_reason reason);

  // False once this side has closed it; what the peer did shows in operations.
  bool is_open() const { return state_ && state_->is_open(); }

  // Bytes that can be read without waiting.
  std::size_t available() const { return state_->available(); }

  // Why the stream was reset, if it was: by the peer, or for a rule that the peer broke.
  std::optional<presenter::protocol::reset_reason> reset_reason() const { return state_->reset(); }

 private:
  std::shared_ptr<stream_port> state_;
};

}  // namespace presenter::protocol
