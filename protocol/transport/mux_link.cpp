#include "protocol/transport/mux_link.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

namespace presenter::protocol {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// One read takes this much at the most. Frames of many streams come in one gulp, which is what lets
// all frames of one client leave as one TLS record.
constexpr std::size_t gulp_bytes = 256 * 1'024;

// How long a peer that broke a rule is still read, and ignored, after our GoAway has left: closing
// a socket with unread input sends a RST that would destroy the GoAway on its way.
constexpr std::chrono::milliseconds offender_linger{1'000};
constexpr std::size_t offender_bytes_max = 16 * 1'024 * 1'024;

// Half of the shortest wait that a link measures, however seldom it pings.
std::chrono::milliseconds tick_interval_for(const mux_options& options) {
  const std::chrono::milliseconds ping(options.hello.ping_interval_ms);
  const auto shortest = std::min({ping, options.hello_timeout, limits::go_away_timeout});
  return std::max(shortest / 2, std::chrono::milliseconds(1));
}

// Shared by the links of a thread: an idle link holds no read buffer.
std::span<std::byte> gulp_buffer() {
  thread_local std::vector<std::byte> buffer(gulp_bytes);
  return buffer;
}

}  // namespace

mux_link::mux_link(link_socket socket, const mux_options& options, std::optional<link_loop> loop)
    : socket_(std::move(socket)),
      loop_(loop),
      tick_(socket_.get_executor()),
      tick_interval_(tick_interval_for(options)),
      core_(options, *this, mux_clock::now()) {
  error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

mux_link::mux_link(link_socket socket, const mux_options& options, mux_link_state state,
                   std::optional<link_loop> loop)
    : socket_(std::move(socket)),
      loop_(loop),
      tick_(socket_.get_executor()),
      tick_interval_(tick_interval_for(options)),
      core_(options, std::move(state.core), *this, mux_clock::now()),
      partial_(std::move(state.partial)),
      in_flight_{std::move(state.control_in_flight), std::move(state.data_in_flight)} {
  error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  // It is set already, but Asio does not know that.
  socket_.non_blocking(true, ignored);
}

error_code check(const mux_link_state& state) {
  // More than part of one frame would not fit where a gulp is read to.
  const bool is_part = state.partial.size() < 4 + limits::frame_bytes_max;
  if (state.descriptor < 0 || !is_part) return errc::field_invalid;
  return check(state.core);
}

std::optional<mux_link_state> mux_link::freeze() {
  const auto self = shared_from_this();
  while (is_ending_)
    end_streams();
  if (is_closed_ || is_closing_ || !core_.is_ready() || core_.is_over()) return std::nullopt;
  mux_link_state state;
  state.descriptor = socket_.native_handle();
  state.core = core_.freeze();
  state.partial.append(partial_.bytes());
  state.control_in_flight.append(in_flight_.control.bytes());
  state.data_in_flight.append(in_flight_.data.bytes());
  return state;
}

void mux_link::start() {
  const auto self = shared_from_this();
  is_started_ = true;
  send_in_flight();  // what another process had begun to send
  on_output();
  wait_tick();
  begin_reading();
}

void mux_link::close(error_code reason) {
  if (is_closed_) return close_socket();  // it may be lingering
  end(reason, false);
}

void mux_link::end(error_code reason, bool lingers) {
  const auto self = shared_from_this();
  is_closed_ = is_ending_ = true;
  end_reason_ = reason;
  core_.close();
  while (!loop_ && core_.is_losing_streams())
    core_.lose_more_streams();
  if (lingers) {
    linger_as_offended();
  } else {
    close_socket();
  }
  go_on_ending();
}

void mux_link::end_streams() {
  core_.lose_more_streams();
  go_on_ending();
}

void mux_link::go_on_ending() {
  if (core_.is_losing_streams()) return loop_->output.add(*this);
  is_ending_ = false;
  on_closed(end_reason_);
}

void mux_link::stop_polling() {
  if (loop_ && socket_.is_open()) loop_->polls.remove(socket_.native_handle(), *this);
}

void mux_link::close_socket() {
  stop_polling();
  tick_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void mux_link::close_after_output(std::chrono::milliseconds linger) {
  if (is_closed_ || std::exchange(is_closing_, true)) return;
  tick_.expires_after(linger);
  tick_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->close({});
  });
  on_output();
}

void mux_link::on_failed(error_code reason) {
  // The GoAway that names the reason leaves if the socket takes it now; a peer that breaks rules is
  // not waited for.
  if (in_flight_.empty()) {
    core_.take_output(in_flight_);
    send_in_flight();
  }
  if (is_closed_) return close_socket();
  end(reason, in_flight_.empty());
}

void mux_link::linger_as_offended() {
  stop_polling();
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  tick_.expires_after(offender_linger);
  tick_.async_wait([self = shared_from_this()](error_code) { self->close_socket(); });
  discard_input(offender_bytes_max);
}

void mux_link::discard_input(std::size_t bytes_left) {
  socket_.async_wait(link_socket::wait_read, [self = shared_from_this(),
                                              bytes_left](error_code error) {
    if (error) return;
    const auto gulp = gulp_buffer();
    const std::size_t n = self->socket_.read_some(asio::buffer(gulp.data(), gulp.size()), error);
    const bool goes_on = !error || error == asio::error::would_block;
    if (!goes_on || n >= bytes_left) return self->close_socket();
    self->discard_input(bytes_left - n);
  });
}

// --- reading

void mux_link::begin_reading() {
  if (!loop_) return wait_readable();
  const auto error = loop_->polls.add(socket_.native_handle(), *this, poll_mode::level_in);
  if (error) close(error);
}

void mux_link::on_poll(std::uint32_t) {
  const auto self = shared_from_this();
  read_gulp();
}

void mux_link::wait_readable() {
  if (loop_) return;  // the poller goes on
  socket_.async_wait(link_socket::wait_read, [self = shared_from_this()](error_code error) {
    if (!error && !self->is_closed_) self->read_gulp();
  });
}

void mux_link::read_gulp() {
  const std::span<std::byte> gulp = gulp_buffer();
  const std::size_t held = partial_.size();
  if (held != 0) std::memcpy(gulp.data(), partial_.bytes().data(), held);

  error_code error;
  const std::size_t n =
      socket_.read_some(asio::buffer(gulp.data() + held, gulp.size() - held), error);
  if (error == asio::error::would_block) return wait_readable();
  if (error) {
    const bool expected = error == asio::error::eof && (is_closing_ || core_.is_going_away());
    return close(expected ? error_code() : error);
  }
  ++counters_.reads;
  counters_.bytes_received += n;

  const auto input = std::span<const std::byte>(gulp).first(held + n);
  const std::size_t taken = core_.on_input(input, mux_clock::now());
  if (is_closed_) return;
  tell_suspect();
  partial_.clear();
  partial_.append(input.subspan(taken));
  if (partial_.empty()) partial_.release();
  on_input_end();
  if (!is_closed_) wait_readable();
}

// --- writing

void mux_link::on_output() {
  if (!is_started_ || is_closed_ || is_waiting_writable_) return;
  if (std::exchange(is_flush_posted_, true)) return;
  if (loop_) return loop_->output.add(*this);
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->is_flush_posted_ = false;
    self->flush();
  });
}

void mux_link::flush_in_batch() {
  const auto self = shared_from_this();
  is_flush_posted_ = false;
  if (is_ending_) return end_streams();
  flush();
}

void mux_link::flush() {
  if (is_closed_ || is_waiting_writable_ || has_output_ended_) return;
  core_.take_output(in_flight_);
  send_in_flight();
  end_output_if_closing();
}

void mux_link::end_output_if_closing() {
  // A flush that is posted has more to send.
  if (!is_closing_ || is_closed_ || !in_flight_.empty() || is_flush_posted_) return;
  has_output_ended_ = true;
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void mux_link::send_in_flight() {
  if (in_flight_.empty()) return;
  const auto as_buffer = [](const byte_buffer& bytes) {
    return asio::const_buffer(bytes.bytes().data(), bytes.size());
  };
  const std::array<asio::const_buffer, 2> buffers{as_buffer(in_flight_.control),
                                                  as_buffer(in_flight_.data)};
  error_code error;
  std::size_t sent = socket_.write_some(buffers, error);
  if (error && error != asio::error::would_block) {
    // Not from inside whatever called us: a read error follows and closes the link in its own turn.
    in_flight_.control.clear();
    in_flight_.data.clear();
    asio::post(socket_.get_executor(), [self = shared_from_this(), error] { self->close(error); });
    return;
  }
  ++counters_.sends;
  counters_.bytes_sent += sent;
  const std::size_t of_control = std::min(sent, in_flight_.control.size());
  in_flight_.control.consume(of_control);
  in_flight_.data.consume(sent - of_control);
  core_.mark_in_flight(in_flight_.control.size() + in_flight_.data.size());
  if (in_flight_.empty()) return;

  is_waiting_writable_ = true;
  socket_.async_wait(link_socket::wait_write, [self = shared_from_this()](error_code wait_error) {
    self->is_waiting_writable_ = false;
    if (wait_error || self->is_closed_) return;
    self->send_in_flight();
    // Everything left: what senders submitted meanwhile follows.
    if (self->in_flight_.empty()) self->flush();
  });
}

// --- time

void mux_link::wait_tick() {
  tick_.expires_after(tick_interval_);
  tick_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->is_closed_) return;
    if (self->is_closing_) return;  // the timer waits for the end now
    self->core_.on_time(mux_clock::now());
    if (self->is_closed_) return;
    self->tell_suspect();
    if (!self->is_closing_) self->wait_tick();
  });
}

void mux_link::tell_suspect() {
  if (is_suspect_ == core_.is_suspect()) return;
  is_suspect_ = core_.is_suspect();
  on_suspect(is_suspect_);
}

}  // namespace presenter::protocol
