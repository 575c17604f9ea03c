// One stream of the backend's end: between mux_core's events and the operations of a mux_stream.
//
// Inbound: on_data → the waiting reader's own buffers, or a buffer bounded by the stream's window;
// credit goes back as the application reads. Outbound: write → mux_core at once if it has room,
// else at the stream's turn. Knows nothing of completion tokens. See: protocol/README.md §5, §6.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "protocol/backend_sdk/operation_service.hpp"
#include "protocol/backend_sdk/stream_moves.hpp"
#include "protocol/backend_sdk/stream_port.hpp"
#include "protocol/mux/mux_core.hpp"
#include "protocol/mux/stream_handler.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::protocol {

class backend_link;
class stream_state;

// Where a stream waits until it is accepted.
class stream_queue {
 public:
  // Its place in the queue, given by the queue; in the order of arrival.
  using ticket = std::uint64_t;
  // It ended before anybody accepted it.
  virtual void forget(ticket at) = 0;
  // `n` more bytes of it have come. The queue may refuse it.
  virtual void on_input(ticket at, std::size_t n) = 0;
  // The state of a stream that is continued has come.
  virtual void on_checkpoint(ticket) {}

 protected:
  ~stream_queue() = default;
};

// For the list of those that are accepted and not over, see stream_sweeper.
using sweep_hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<stream_state>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// Life: held by its mux_stream, or by the queue it waits in; while it lingers, by its own timer;
// while it is handed over, by itself.
// Confined to: the link's thread. Bounds: unread input ≤ the stream's window.
class stream_state final : public std::enable_shared_from_this<stream_state>,
                           public stream_port,
                           public sweep_hook,
                           public operation_owner,
                           private stream_handler {
 public:
  // `linger`: see mux_stream::close.
  stream_state(std::shared_ptr<backend_link> link, const open_frame& info,
               std::chrono::milliseconds linger);
  ~stream_state();

  stream_handler& handler() { return *this; }
  const stream_info& info() const final { return info_; }

  // --- before the application has it
  void wait_in(stream_queue& queue, stream_queue::ticket at);
  // Sends Accept.
  void accept();
  // After accept: the fence does not serve it any more. To the application, reset by the peer.
  void end_moved();
  // Ends the stream, in place of accept.
  void refuse(refuse_frame refusal);

  // --- what mux_stream does; documented there
  std::uint64_t read(operation_pointer<read_operation> operation) final;
  std::uint64_t write(operation_pointer<write_operation> operation) final;
  void cancel_read(std::uint64_t number) final;
  void cancel_write(std::uint64_t number) final;
  void cancel() final;

  std::uint64_t wait_handoff(operation_pointer<handoff_operation> operation) final;
  std::uint64_t wait_notice(operation_pointer<notice_operation> operation) final;
  void cancel_handoff(std::uint64_t number) final;
  void cancel_notice(std::uint64_t number) final;
  void hand_over(std::string_view state, error_code& error) final;
  bool deposit(std::string_view state) final;
  std::size_t deposit_bytes_max() const final;

  void set_deadline(mux_clock::time_point deadline) final;
  void shutdown_send() final;
  void shutdown_receive() final;
  void close() final;
  void close(reset_reason reason) final;

  bool is_open() const final { return !is_closed_; }
  std::size_t available() const final { return input_.size(); }
  std::optional<reset_reason> reset() const final { return reset_; }

 private:
  void on_accepted() final {}
  void on_refused(const refuse_frame&) final {}
  void on_data(std::span<const std::byte> payload, bool more) final;
  void on_finish() final;
  void on_writable() final;
  void on_reset(reset_reason reason, bool by_peer) final;
  void on_checkpoint(const checkpoint_frame& checkpoint) final;
  void on_handoff(const handoff_frame& handoff) final;
  void on_notice(const notice_frame& notice) final;
  void on_link_lost(bool is_deposit_exact) final;
  void destroy_operations() final;

  mux_core& core();
  void consume(std::size_t n);
  bool has_expired() const;
  bool submit_front();
  void fail_reading(boost::system::error_code error);
  void fail_writing(boost::system::error_code error);
  void fail_waits(boost::system::error_code error);
  boost::system::error_code silence() const;
  stream_moves& moves();
  bool has_handoff() const { return moves_ && moves_->handoff; }
  bool is_giving() const { return moves_ && moves_->giving; }
  void give();
  void stop_giving();
  bool submit_deposit(std::string_view state, std::int64_t consumed, std::int64_t produced);
  void send_deposit();
  // Bytes of the client that the application has taken.
  std::int64_t consumed() const { return received_ - static_cast<std::int64_t>(input_.size()); }
  void end(boost::system::error_code error);
  void detach();
  void drop_input();
  void watch_deadline();
  void start_timer(mux_clock::time_point when);
  void on_timer();

  // Constant after construction.
  const std::chrono::milliseconds linger_;

  stream_info info_;  // constant once the stream waits for the application

  std::shared_ptr<backend_link> link_;  // empty once mux_core has been told to forget the stream
  stream_queue* queue_ = nullptr;
  stream_queue::ticket queued_at_ = 0;

  operation_pointer<read_operation> read_;
  operation_pointer<write_operation> write_;
  std::uint64_t operation_number_ = 0;
  std::uint64_t read_number_ = 0;
  std::uint64_t write_number_ = 0;

  std::unique_ptr<stream_moves> moves_;  // made when needed

  // From the client's first byte, at whatever backend.
  std::int64_t received_ = 0;
  std::int64_t produced_ = 0;

  byte_buffer input_;
  boost::system::error_code error_;  // why reads after the input, and writes, fail
  std::optional<reset_reason> reset_;
  bool is_input_finished_ = false;
  bool is_output_finished_ = false;
  bool is_input_discarded_ = false;  // the application will read no more
  bool is_closed_ = false;           // by the application

  mux_clock::time_point deadline_ = mux_clock::time_point::max();
  std::unique_ptr<link_timer> timer_;  // for the deadline, later for lingering; made when needed
  bool is_timer_running_ = false;
};

}  // namespace presenter::protocol
