#include "protocol/backend_sdk/stream_state.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "protocol/backend_sdk/backend_link.hpp"
#include "protocol/backend_sdk/stream_errc.hpp"

namespace presenter::protocol {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// For writes from several buffers, which leave as one frame. Shared by the streams of a thread.
std::span<std::byte> gather_buffer() {
  thread_local std::vector<std::byte> buffer(limits::stream_turn_bytes);
  return buffer;
}

}  // namespace

stream_state::stream_state(std::shared_ptr<backend_link> link, const open_frame& info,
                           std::chrono::milliseconds linger)
    : stream_port(link->get_executor()),
      operation_owner(link->get_executor().context()),
      linger_(linger),
      info_{info, nullptr},
      link_(std::move(link)) {}

stream_state::~stream_state() {
  detach();
}

mux_core& stream_state::core() {
  return link_->core();
}

// --- before the application has it

void stream_state::wait_in(stream_queue& queue, stream_queue::ticket at) {
  queue_ = &queue;
  queued_at_ = at;
}

void stream_state::accept() {
  queue_ = nullptr;
  core().accept(info_.stream);
}

void stream_state::end_moved() {
  if (!link_ || is_closed_ || error_) return;
  reset_ = reset_reason::moved;
  // What it has not read is for the new owner to be sent again.
  input_.release();
  is_input_finished_ = false;
  core().reset(info_.stream, reset_reason::moved);
  end(stream_errc::moved);
}

void stream_state::refuse(refuse_frame refusal) {
  queue_ = nullptr;
  is_closed_ = true;
  refusal.stream = info_.stream;
  core().refuse(refusal);
  std::exchange(link_, nullptr)->on_stream_released();
}

// --- reading

std::uint64_t stream_state::read(operation_pointer<read_operation> operation) {
  assert(!read_ && "one read at a time");
  read_ = std::move(operation);
  read_number_ = ++operation_number_;
  if (read_->size() == 0) {
    fail_reading({});
  } else if (is_closed_) {
    fail_reading(asio::error::operation_aborted);
  } else if (has_expired()) {
    fail_reading(asio::error::timed_out);
  } else if (!input_.empty()) {
    const std::size_t n = read_->fill(input_.bytes());
    input_.consume(n);
    if (input_.empty()) input_.release();
    complete(read_, error_code(), n);
    consume(n);
  } else if (is_input_finished_ || is_input_discarded_) {
    fail_reading(asio::error::eof);
  } else if (error_) {
    fail_reading(error_);
  } else {
    watch_deadline();
  }
  return read_ ? read_number_ : 0;
}

void stream_state::on_data(std::span<const std::byte> payload, bool) {
  received_ += static_cast<std::int64_t>(payload.size());
  if (is_input_discarded_) return consume(payload.size());
  std::size_t n = 0;
  if (read_) {
    n = read_->fill(payload);
    complete(read_, error_code(), n);
  }
  input_.append(payload.subspan(n));
  if (n != 0) consume(n);
  if (queue_ != nullptr) queue_->on_input(queued_at_, payload.size());
}

void stream_state::on_finish() {
  is_input_finished_ = true;
  fail_reading(asio::error::eof);
  if (is_output_finished_ && input_.empty()) detach();
}

void stream_state::consume(std::size_t n) {
  if (!link_) return;
  core().consumed(info_.stream, n);
  const bool over = error_ || (is_output_finished_ && is_input_finished_);
  if (over && input_.empty()) detach();
}

void stream_state::shutdown_receive() {
  if (std::exchange(is_input_discarded_, true)) return;
  fail_reading(asio::error::eof);
  drop_input();
}

void stream_state::drop_input() {
  const std::size_t unread = input_.size();
  input_.release();
  if (unread != 0) consume(unread);
}

// --- writing

std::uint64_t stream_state::write(operation_pointer<write_operation> operation) {
  assert(!write_ && "one write at a time");
  write_ = std::move(operation);
  write_number_ = ++operation_number_;
  if (write_->size() == 0) {
    fail_writing({});
  } else if (is_closed_) {
    fail_writing(asio::error::operation_aborted);
  } else if (is_output_finished_) {
    fail_writing(asio::error::broken_pipe);
  } else if (error_) {
    fail_writing(error_);
  } else if (has_expired()) {
    fail_writing(asio::error::timed_out);
  } else if (!submit_front()) {
    core().wait_writable(info_.stream);
    watch_deadline();
  }
  return write_ ? write_number_ : 0;
}

// False if there is no room now.
bool stream_state::submit_front() {
  const std::size_t size = write_->size();
  const std::size_t n = std::min(size, core().sendable(info_.stream));
  if (n == 0) return false;
  core().submit_data(info_.stream, write_->front(n, gather_buffer()), n < size);
  produced_ += static_cast<std::int64_t>(n);
  complete(write_, error_code(), n);
  return true;
}

void stream_state::on_writable() {
  if (is_giving()) return give();
  send_deposit();
  // The write may have been cancelled since it asked for the turn.
  if (write_ && !submit_front()) core().wait_writable(info_.stream);
}

void stream_state::shutdown_send() {
  if (std::exchange(is_output_finished_, true)) return;
  fail_writing(asio::error::broken_pipe);
  if (!link_) return;
  core().finish(info_.stream);
  if (is_input_finished_ && input_.empty()) detach();
}

// --- cancellation and deadline

void stream_state::cancel_read(std::uint64_t number) {
  if (number == read_number_) fail_reading(asio::error::operation_aborted);
}

void stream_state::cancel_write(std::uint64_t number) {
  if (number == write_number_) fail_writing(asio::error::operation_aborted);
}

void stream_state::cancel() {
  fail_reading(asio::error::operation_aborted);
  fail_writing(asio::error::operation_aborted);
  fail_waits(asio::error::operation_aborted);
}

void stream_state::fail_reading(error_code error) {
  if (read_) complete(read_, error, std::size_t{0});
}

void stream_state::fail_writing(error_code error) {
  if (write_) complete(write_, error, std::size_t{0});
}

void stream_state::set_deadline(mux_clock::time_point deadline) {
  deadline_ = deadline;
  watch_deadline();
}

bool stream_state::has_expired() const {
  return deadline_ != mux_clock::time_point::max() && mux_clock::now() >= deadline_;
}

// Deadlines move with every message, so the timer is left alone when it is early: it looks again.
void stream_state::watch_deadline() {
  if (is_closed_ || (!read_ && !write_) || deadline_ == mux_clock::time_point::max()) return;
  if (is_timer_running_ && timer_->expiry() <= deadline_) return;
  start_timer(deadline_);
}

void stream_state::start_timer(mux_clock::time_point when) {
  if (!timer_) timer_ = std::make_unique<link_timer>(get_executor());
  timer_->expires_at(when);
  is_timer_running_ = true;
  timer_->async_wait([self = shared_from_this()](error_code error) {
    // A wait that was over already when the timer was set anew has nothing to say.
    if (error || mux_clock::now() < self->timer_->expiry()) return;
    self->is_timer_running_ = false;
    self->on_timer();
  });
}

void stream_state::on_timer() {
  if (is_closed_) return close(reset_reason::cancelled);
  if (!has_expired()) return watch_deadline();
  fail_reading(asio::error::timed_out);
  fail_writing(asio::error::timed_out);
}

// --- the end

void stream_state::on_reset(reset_reason reason, bool) {
  reset_ = reason;
  // What an application leaves unread is the credit of all streams of the link: the dead keep half
  // of it at the most. Without its end the input must not look whole.
  if (!input_.empty() && core().is_link_half_full()) {
    input_.release();
    is_input_finished_ = false;
  }
  end(reason == reset_reason::moved ? stream_errc::moved
                                    : error_code(asio::error::connection_reset));
}

void stream_state::on_link_lost(bool) {
  link_.reset();  // with the streams of a lost link there is nothing to release
  end(asio::error::connection_aborted);
}

void stream_state::end(error_code error) {
  const auto self = shared_from_this();
  if (!error_) error_ = error;
  fail_reading(error_);
  fail_writing(error_);
  fail_waits(error_);
  stop_giving();
  if (queue_ != nullptr) {
    input_.release();
    std::exchange(queue_, nullptr)->forget(queued_at_);
  }
  if (input_.empty()) detach();
}

void stream_state::close() {
  if (is_closed_) return;
  // The gateway waits for an answer, and the client goes on elsewhere.
  if (has_handoff() && !error_) return close(reset_reason::moved);
  const bool orderly = input_.empty() && !error_ && (is_input_finished_ || linger_.count() > 0);
  if (!orderly) return close(reset_reason::cancelled);
  is_closed_ = is_input_discarded_ = true;
  cancel();
  if (timer_) timer_->cancel();
  shutdown_send();
  if (link_) start_timer(mux_clock::now() + linger_);
}

void stream_state::close(reset_reason reason) {
  if (is_giving()) return;
  is_closed_ = is_input_discarded_ = true;
  cancel();
  if (timer_) timer_->cancel();
  input_.release();
  if (link_) core().reset(info_.stream, reason);
  detach();
}

// Releasing gives back the link's credit for input that was not read.
void stream_state::detach() {
  sweep_hook::unlink();
  if (!link_) return;
  const auto link = std::exchange(link_, nullptr);
  fail_waits(asio::error::eof);
  link->core().release(info_.stream);
  link->on_stream_released();
  if (is_closed_ && timer_) timer_->cancel();
}

void stream_state::destroy_operations() {
  // This stream may be gone when they are.
  const auto read = std::move(read_);
  const auto write = std::move(write_);
  const auto moves = std::move(moves_);
}

}  // namespace presenter::protocol
