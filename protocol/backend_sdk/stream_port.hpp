// The boundary between what an application compiles, the templates of mux_stream and mux_acceptor,
// and what stays in the library: the stream and the acceptor themselves.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/backend_sdk/pending_operation.hpp"
#include "protocol/backend_sdk/stream_info.hpp"
#include "protocol/errc.hpp"
#include "protocol/transport/link_executor.hpp"

namespace presenter::protocol {

class mux_stream;

class handoff_operation : public pending_operation<boost::system::error_code, handoff_info> {
 protected:
  ~handoff_operation() = default;
};

class notice_operation : public pending_operation<boost::system::error_code, notice_info> {
 protected:
  ~notice_operation() = default;
};

class accept_operation : public pending_operation<boost::system::error_code, mux_stream> {
 protected:
  ~accept_operation() = default;
};

class drain_operation : public pending_operation<boost::system::error_code> {
 protected:
  ~drain_operation() = default;
};

// A stream as its mux_stream sees it, where each call is documented. Those that begin an operation
// return a number for the cancel function, which ignores operations that are over; 0 if it is over
// already. Life and thread: mux_stream's.
class stream_port {
 public:
  using error_code = boost::system::error_code;

  link_executor get_executor() const { return executor_; }
  virtual const stream_info& info() const = 0;

  virtual std::uint64_t read(operation_pointer<read_operation> operation) = 0;
  virtual std::uint64_t write(operation_pointer<write_operation> operation) = 0;
  virtual std::uint64_t wait_handoff(operation_pointer<handoff_operation> operation) = 0;
  virtual std::uint64_t wait_notice(operation_pointer<notice_operation> operation) = 0;
  virtual void cancel_read(std::uint64_t number) = 0;
  virtual void cancel_write(std::uint64_t number) = 0;
  virtual void cancel_handoff(std::uint64_t number) = 0;
  virtual void cancel_notice(std::uint64_t number) = 0;
  virtual void cancel() = 0;

  virtual void hand_over(std::string_view state, error_code& error) = 0;
  virtual bool deposit(std::string_view state) = 0;
  virtual std::size_t deposit_bytes_max() const = 0;

  virtual void set_deadline(std::chrono::steady_clock::time_point deadline) = 0;
  virtual void shutdown_send() = 0;
  virtual void shutdown_receive() = 0;
  virtual void close() = 0;
  virtual void close(reset_reason reason) = 0;

  virtual bool is_open() const = 0;
  virtual std::size_t available() const = 0;
  virtual std::optional<reset_reason> reset() const = 0;

 protected:
  explicit stream_port(link_executor executor) : executor_(executor) {}
  ~stream_port() = default;

 private:
  const link_executor executor_;
};

// An acceptor as its mux_acceptor sees it. As stream_port.
class acceptor_port {
 public:
  link_executor get_executor() const { return executor_; }
  virtual boost::asio::ip::tcp::endpoint local_endpoint() const = 0;
  virtual const std::string& node() const = 0;
  virtual bool is_open() const = 0;

  virtual std::uint64_t accept(operation_pointer<accept_operation> operation) = 0;
  virtual std::uint64_t wait_drained(operation_pointer<drain_operation> operation) = 0;
  virtual void cancel_accept(std::uint64_t number) = 0;
  virtual void cancel_drain(std::uint64_t number) = 0;

  virtual void drain(std::chrono::milliseconds deadline) = 0;
  virtual void close() = 0;
  virtual void set_map_epoch(std::int64_t epoch) = 0;
  virtual void on_fence_changed() = 0;
  virtual acceptor_counters counters() const = 0;

 protected:
  explicit acceptor_port(link_executor executor) : executor_(executor) {}
  ~acceptor_port() = default;

 private:
  const link_executor executor_;
};

}  // namespace presenter::protocol
