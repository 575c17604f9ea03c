// Where streams come from: listens for the gateways' links and hands their streams, one client
// each, to the application, which need not know of links at all. In use: examples/echo_backend.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/export.hpp"
#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/backend_sdk/mux_stream.hpp"
#include "protocol/backend_sdk/stream_port.hpp"

namespace presenter::protocol {

// Life: closes itself when destroyed; its streams outlive it and fail with connection_aborted.
// Confined to: the thread of its io_context, the first that runs it. A program of several threads
// has one acceptor and one io_context for each; they may share a port (acceptor_options).
// Bounds: acceptor_options.
class PRESENTER_EXPORT mux_acceptor {
 public:
  using executor_type = link_executor;
  using error_code = boost::system::error_code;

  // Listens at once. Port 0: any; local_endpoint tells. Throws boost::system::system_error if it
  // cannot listen, std::invalid_argument for options that no gateway could accept.
  mux_acceptor(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& endpoint,
               acceptor_options options);
  ~mux_acceptor() { close(); }

  mux_acceptor(const mux_acceptor&) = delete;
  mux_acceptor& operator=(const mux_acceptor&) = delete;

  executor_type get_executor() const { return state_->get_executor(); }
  boost::asio::ip::tcp::endpoint local_endpoint() const { return state_->local_endpoint(); }

  // acceptor_options::node.
  const std::string& node() const { return state_->node(); }

  // No stream comes any more after drain or close: a loop of async_accept ends here, for each
  // further call completes at once, as it does on a closed socket acceptor.
  bool is_open() const { return state_->is_open(); }

  // Hands over the next stream and sends its Accept; the gateway has begun to send already. One
  // pending call at a time; all cancellation types are honoured, and no stream is lost by it.
  // Errors: operation_aborted after cancellation, drain or close; stream_errc::accept_pending while
  // another call waits; stream_errc::wrong_thread, if a second thread runs the io_context.
  // Signature: void(error_code, mux_stream).
  template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, mux_stream))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_accept(
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<accept_operation, &acceptor_port::accept,
                              &acceptor_port::cancel_accept>(state_, token);
  }

  // Begins an orderly end: stops listening, tells every gateway (GoAway), refuses streams that
  // nobody has accepted yet and those still to come (shutting_down), and closes each link when its
  // last stream is over. At the deadline links are closed with the streams that are left. Once.
  void drain(std::chrono::milliseconds deadline);

  // Completes when drain is done: success if all streams ended by themselves, timed_out if the
  // deadline ended them, operation_aborted after close or cancellation (all types; the drain itself
  // goes on). May begin before drain. One pending call at a time. Signature: void(error_code).
  template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code))
                CompletionToken = boost::asio::default_completion_token_t<executor_type>>
  auto async_drain(
      CompletionToken&& token = boost::asio::default_completion_token_t<executor_type>()) {
    return initiate_operation<drain_operation, &acceptor_port::wait_drained,
                              &acceptor_port::cancel_drain>(state_, token);
  }

  // Stops listening and closes all links; their streams are lost. Idempotent.
  void close() { state_->close(); }

  // The shard-map epoch that links announce from now on.
  void set_map_epoch(std::int64_t epoch) { state_->set_map_epoch(epoch); }

  // The answers of acceptor_options::fence may be others now.
  void on_fence_changed() { state_->on_fence_changed(); }

  acceptor_counters counters() const { return state_->counters(); }

  // For the other parts of the SDK, which reach acceptors of other threads by it.
  const std::shared_ptr<acceptor_port>& port() const { return state_; }

 private:
  std::shared_ptr<acceptor_port> state_;
};

}  // namespace presenter::protocol
