// One link: a mux_core on a TCP socket. The only place where the two meet.
//
// Inbound: one wait for readiness, one gulp into a buffer shared by all links of the thread, every
// frame in it handled, then on_input_end. Outbound: whatever was submitted during a turn of the
// loop leaves in one gathered send at its end; what the socket does not take stays here, and
// mux_core makes senders wait.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "base/loop/poller.hpp"
#include "protocol/mux/mux_core.hpp"
#include "protocol/transport/link_executor.hpp"
#include "protocol/transport/mux_link_state.hpp"
#include "protocol/transport/output_batch.hpp"

namespace presenter::protocol {

using link_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, link_executor>;
using link_timer = boost::asio::basic_waitable_timer<mux_clock, boost::asio::wait_traits<mux_clock>,
                                                     link_executor>;

// What a thread with a loop of its own does for its links, which it outlives. Without it they wait
// and post by Asio.
struct link_loop {
  poller& polls;         // tells of input
  output_batch& output;  // flushes
};

struct link_counters {
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t reads = 0;
  std::uint64_t sends = 0;
};

// Base of the gateway's upstream_link and of the backend's link, which say what happens on_ready,
// on_open, on_go_away and on_can_open (link_handler).
//
// Life: held by shared_ptr; its own waits keep it alive until close, and a second longer where a
// peer that broke a rule is still to read why. on_closed is the last call.
// Confined to: the one thread that runs its io_context.
// Bounds: unsent output ≤ control_queue_bytes_max + data_queue_bytes_max twice (queued and in
// flight); unread input ≤ one frame.
class mux_link : public std::enable_shared_from_this<mux_link>,
                 public link_handler,
                 private output_batch_node,
                 private poll_target {
 public:
  // `socket` is connected.
  mux_link(link_socket socket, const mux_options& options, std::optional<link_loop> loop = {});
  // Goes on with what another link has frozen; `socket` is that one's. Neither reads nor writes
  // before start().
  mux_link(link_socket socket, const mux_options& options, mux_link_state state,
           std::optional<link_loop> loop);
  virtual ~mux_link() = default;

  mux_link(const mux_link&) = delete;
  mux_link& operator=(const mux_link&) = delete;

  // Sends Hello and begins to read. Once.
  void start();

  // A copy of all there is; this link can go on all the same. Nothing: it is not up, or is being
  // closed. Between two turns.
  std::optional<mux_link_state> freeze();

  // Ends all streams (on_link_lost) and the socket, then on_closed(reason); with a link_loop in
  // several turns, if mux_options want that. Idempotent: the first reason wins.
  void close(boost::system::error_code reason);

  // Ends our direction as soon as all output has left, then waits for the peer to end its own:
  // closing before that would destroy what is still on its way to it. After `linger` at the latest
  // the link is closed.
  void close_after_output(std::chrono::milliseconds linger);

  mux_core& core() { return core_; }
  const link_counters& counters() const { return counters_; }
  link_executor get_executor() { return socket_.get_executor(); }
  boost::asio::ip::tcp::endpoint local_endpoint() const { return local_; }

 protected:
  // Every frame of one gulp has been handled.
  virtual void on_input_end() {}

  // The peer has been silent, or the link without credit, for two ping intervals
  // (mux_core::is_suspect); or that is over. Not called when a suspect link ends.
  virtual void on_suspect(bool) {}

  // The link is over. `reason` is empty after an orderly end.
  virtual void on_closed(boost::system::error_code reason) = 0;

 private:
  void on_output() final;
  void flush_in_batch() final;
  void on_poll(std::uint32_t events) final;
  void on_failed(boost::system::error_code reason) final;

  // Once. `lingers`: the peer is still to read the GoAway that has left.
  void end(boost::system::error_code reason, bool lingers);
  void end_streams();
  void go_on_ending();
  void stop_polling();
  void close_socket();
  void linger_as_offended();
  void discard_input(std::size_t bytes_left);

  void begin_reading();
  void wait_readable();
  void read_gulp();
  void flush();
  void send_in_flight();
  void end_output_if_closing();
  void wait_tick();
  void tell_suspect();

  link_socket socket_;
  const std::optional<link_loop> loop_;
  link_timer tick_;
  std::chrono::milliseconds tick_interval_;
  mux_core core_;
  boost::asio::ip::tcp::endpoint local_;

  byte_buffer partial_;   // the beginning of a frame whose rest has not come yet
  mux_output in_flight_;  // taken from the core, not yet by the socket
  bool is_started_ = false;
  bool is_flush_posted_ = false;
  bool is_waiting_writable_ = false;
  bool is_closing_ = false;  // end our direction once all output has left
  bool has_output_ended_ = false;
  bool is_closed_ = false;
  bool is_ending_ = false;  // closed, and on_closed is still to come
  boost::system::error_code end_reason_;
  bool is_suspect_ = false;  // as on_suspect has told
  link_counters counters_;
};

}  // namespace presenter::protocol
