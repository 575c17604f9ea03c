// stream_state, how a stream leaves for another backend, and how it comes from one:
// protocol/README.md §4.11 to §4.13.
#include <cassert>
#include <utility>

#include "protocol/backend_sdk/backend_link.hpp"
#include "protocol/backend_sdk/stream_state.hpp"

namespace presenter::protocol {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

stream_moves& stream_state::moves() {
  if (!moves_) moves_ = std::make_unique<stream_moves>();
  return *moves_;
}

// Why the gateway will ask for nothing more; success: it may.
error_code stream_state::silence() const {
  if (is_closed_) return asio::error::operation_aborted;
  if (error_) return error_;
  return link_ ? error_code() : asio::error::eof;
}

// --- what the gateway asks

std::uint64_t stream_state::wait_handoff(operation_pointer<handoff_operation> operation) {
  stream_moves& all = moves();
  assert(!all.handoff_wait && "one wait for a handoff at a time");
  all.is_handoff_awaited = true;
  all.handoff_wait = std::move(operation);
  all.handoff_number = ++operation_number_;
  if (const error_code error = silence()) {
    complete(all.handoff_wait, error, handoff_info());
  } else if (all.handoff) {
    complete(all.handoff_wait, error_code(), *all.handoff);
  }
  return all.handoff_wait ? all.handoff_number : 0;
}

std::uint64_t stream_state::wait_notice(operation_pointer<notice_operation> operation) {
  stream_moves& all = moves();
  assert(!all.notice_wait && "one wait for a notice at a time");
  all.notice_wait = std::move(operation);
  all.notice_number = ++operation_number_;
  if (const error_code error = silence()) {
    complete(all.notice_wait, error, notice_info());
  } else if (all.notice) {
    complete(all.notice_wait, error_code(), *std::exchange(all.notice, std::nullopt));
  }
  return all.notice_wait ? all.notice_number : 0;
}

void stream_state::cancel_handoff(std::uint64_t number) {
  if (!moves_ || !moves_->handoff_wait || number != moves_->handoff_number) return;
  complete(moves_->handoff_wait, error_code(asio::error::operation_aborted), handoff_info());
}

void stream_state::cancel_notice(std::uint64_t number) {
  if (!moves_ || !moves_->notice_wait || number != moves_->notice_number) return;
  complete(moves_->notice_wait, error_code(asio::error::operation_aborted), notice_info());
}

void stream_state::fail_waits(error_code error) {
  if (!moves_) return;
  if (moves_->handoff_wait) complete(moves_->handoff_wait, error, handoff_info());
  if (moves_->notice_wait) complete(moves_->notice_wait, error, notice_info());
}

// An application that has never waited for it will not answer, and the client would not be read
// from until the deadline: it is moved at once, as by a gateway that cannot ask.
void stream_state::on_handoff(const handoff_frame& handoff) {
  const auto self = shared_from_this();
  if (is_closed_) return close(reset_reason::moved);
  if (!moves_ || !moves_->is_handoff_awaited) {
    core().reset(info_.stream, reset_reason::moved);
    return on_reset(reset_reason::moved, true);
  }
  moves_->handoff = handoff_info{handoff.reason, handoff.map_epoch,
                                 std::chrono::milliseconds(handoff.deadline_ms)};
  if (moves_->handoff_wait) complete(moves_->handoff_wait, error_code(), *moves_->handoff);
}

void stream_state::on_notice(const notice_frame& notice) {
  if (is_closed_) return;
  const notice_info info{notice.reason, std::chrono::milliseconds(notice.within_ms)};
  if (moves_ && moves_->notice_wait) {
    complete(moves_->notice_wait, error_code(), info);
  } else {
    moves().notice = info;
  }
}

// --- what the application gives

void stream_state::hand_over(std::string_view state, error_code& error) {
  error = {};
  if (silence()) {
    error = asio::error::not_connected;
  } else if (!has_handoff()) {
    error = asio::error::operation_not_supported;
  } else if (state.size() > limits::state_bytes_max) {
    error = asio::error::message_size;
  }
  if (error) return;
  cancel();
  is_closed_ = true;
  sweep_hook::unlink();
  if (timer_) timer_->expires_at(mux_clock::time_point::max());
  moves_->deposit.reset();
  moves_->giving = {std::string(state), consumed(), produced_};
  moves_->self = shared_from_this();
  give();
}

// Unread input that does not fit beside the state goes ahead of it, in pieces.
void stream_state::give() {
  const auto self = shared_from_this();
  const stream_moves::checkpoint& given = *moves_->giving;
  checkpoint_frame frame{.stream = info_.stream,
                         .consumed = given.consumed,
                         .produced = given.produced,
                         .state = {},
                         .unread = {},
                         .last = false,
                         .finished = is_output_finished_};
  while (!frame.last) {
    frame.unread = as_text(input_.bytes());
    frame.last = given.state.size() + frame.unread.size() <= limits::data_bytes_max;
    if (frame.last) frame.state = given.state;
    if (!frame.last) frame.unread = frame.unread.substr(0, limits::data_bytes_max);
    if (!core().submit_checkpoint(frame)) return core().wait_checkpoint(info_.stream);
    input_.consume(frame.unread.size());
  }
  link_->count_handed_over();
  stop_giving();
  detach();
}

void stream_state::stop_giving() {
  if (!is_giving()) return;
  input_.release();
  moves_->giving.reset();
  moves_->self.reset();
}

bool stream_state::deposit(std::string_view state) {
  if (silence() || is_output_finished_ || has_handoff()) return false;
  const std::size_t most = deposit_bytes_max();
  if (most == 0 || state.size() > most) return false;
  if (submit_deposit(state, consumed(), produced_)) {
    if (moves_) moves_->deposit.reset();
  } else {
    moves().deposit = {std::string(state), consumed(), produced_};
  }
  return true;
}

std::size_t stream_state::deposit_bytes_max() const {
  return silence() ? 0 : static_cast<std::size_t>(link_->core().deposit_bytes_max());
}

// False if there is no room now.
bool stream_state::submit_deposit(std::string_view state, std::int64_t consumed,
                                  std::int64_t produced) {
  checkpoint_frame frame;
  frame.stream = info_.stream;
  frame.consumed = consumed;
  frame.produced = produced;
  frame.state = state;
  if (core().submit_checkpoint(frame)) return true;
  core().wait_checkpoint(info_.stream);
  return false;
}

void stream_state::send_deposit() {
  if (!moves_ || !moves_->deposit) return;
  const stream_moves::checkpoint& waiting = *moves_->deposit;
  if (submit_deposit(waiting.state, waiting.consumed, waiting.produced)) moves_->deposit.reset();
}

// --- what another backend gave

void stream_state::on_checkpoint(const checkpoint_frame& checkpoint) {
  auto before = std::make_shared<continued_stream>();
  if (info_.open_frame::continued) {
    static_cast<continued_from&>(*before) = *info_.open_frame::continued;
  }
  before->state = checkpoint.state;
  before->consumed = received_ = checkpoint.consumed;
  before->produced = produced_ = checkpoint.produced;
  before->is_finished = is_output_finished_ = checkpoint.finished;
  info_.continued = std::move(before);
  if (queue_ != nullptr) queue_->on_checkpoint(queued_at_);
}

}  // namespace presenter::protocol
