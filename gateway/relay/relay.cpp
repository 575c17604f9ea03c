#include "gateway/relay/relay.hpp"

#include <algorithm>
#include <utility>

namespace presenter::gateway {

using protocol::reset_reason;

namespace {

// What one client may move towards its backend before the others of the same turn have theirs.
constexpr std::size_t turn_bytes = 64 * 1'024;

close_reason reason_of(client_io status) {
  switch (status) {
    case client_io::truncated:
      return close_reason::tls_truncated;
    case client_io::violation:
      return close_reason::tls_protocol_error;
    default:
      return close_reason::client_reset;
  }
}

}  // namespace

relay_context::relay_context(const config& settings_, worker_metrics& metrics_)
    : settings(settings_), metrics(metrics_), scratch(protocol::limits::data_bytes_max) {}

// --- batch
//
// One gulp of a link often has several frames for the same client. Written one by one, each would
// cost a TLS record and a system call.

void relay_batch::flush() {
  while (!touched_.empty()) {
    batched& next = touched_.front();
    touched_.pop_front();
    next.on_batch_end();
  }
}

// --- life
//
// One relay serves all attempts to open its client's stream. start() begins an attempt with the
// first packet, which stays the session's until Accept, because a refused attempt sends it again
// elsewhere. begin() then lets the client's own bytes flow. However it ends, the stream is released
// exactly once, since the core calls its handler until then.

relay::relay(relay_context& context, client_end& client) : context_(context), client_(client) {}

relay::~relay() {
  release_stream();
}

void relay::start(std::shared_ptr<protocol::mux_core> link, protocol::stream_id stream) {
  link_ = std::move(link);
  stream_ = stream;
  set_state(to_backend::opening);
  context_.metrics.streams_opened.add();
  context_.metrics.streams_open.add();
}

relay_state relay::freeze() const {
  relay_state state;
  state.for_client.append(for_client_.bytes());
  state.is_client_finished = is_client_finished_;
  state.is_backend_finished = is_backend_finished();
  state.is_client_told = to_client_ == to_client::finished;
  state.is_blocked_at_client = is_blocked(blocked::at_client);
  state.is_blocked_at_backend = is_blocked(blocked::at_backend);
  state.has_limit = has_limit_;
  state.end = end_;
  return state;
}

bool relay::adopt(relay_state state, std::shared_ptr<protocol::mux_core> link,
                  protocol::stream_id stream) {
  for_client_ = std::move(state.for_client);
  is_client_finished_ = state.is_client_finished;
  to_backend_ = is_client_finished_ ? to_backend::finished : to_backend::open;
  if (state.is_backend_finished)
    to_client_ = state.is_client_told ? to_client::finished : to_client::finishing;
  set_blocked(blocked::at_client, state.is_blocked_at_client);
  set_blocked(blocked::at_backend, state.is_blocked_at_backend);
  has_limit_ = state.has_limit;
  end_ = state.end;
  if (link == nullptr) return true;
  if (!link->attach(stream, *this)) return false;
  link_ = std::move(link);
  stream_ = stream;
  context_.metrics.streams_open.add();
  return true;
}

std::size_t relay::send_packet(std::span<const std::byte> packet) {
  if (packet.empty()) return 0;
  const std::size_t n = link_->submit_data(stream_, packet, false);
  if (n < packet.size()) link_->wait_writable(stream_);
  context_.metrics.relayed_bytes[relay_direction::to_backend].add(n);
  return n;
}

void relay::begin() {
  if (is_client_finished_) return finish_to_backend();
  set_state(to_backend::open);
  move_to_backend();
}

void relay::set_state(to_backend next) {
  if (next == to_backend::finished) {
    if (!is_client_finished_ && to_client_ == to_client::open) end_ = close_reason::client_finished;
    is_client_finished_ = true;
  }
  to_backend_ = next;
}

void relay::set_state(to_client next) {
  if (next == to_client::finishing && !is_client_finished_) end_ = close_reason::backend_finished;
  to_client_ = next;
}

bool relay::is_blocked(blocked at) const {
  return (static_cast<unsigned>(blocked_) & static_cast<unsigned>(at)) != 0;
}

void relay::set_blocked(blocked at, bool is_blocked) {
  const unsigned others = static_cast<unsigned>(blocked_) & ~static_cast<unsigned>(at);
  blocked_ = static_cast<blocked>(others | (is_blocked ? static_cast<unsigned>(at) : 0U));
}

void relay::abandon(reset_reason reason) {
  if (link_ == nullptr) return;
  const auto traffic = link_->traffic(stream_);
  link_->reset(stream_, reason);
  release_stream();
  keep(traffic);
}

void relay::release_stream() {
  unlink();
  if (link_ == nullptr) return;
  const auto traffic = link_->traffic(stream_);
  context_.metrics.streams_open.sub();
  std::exchange(link_, nullptr)->release(stream_);
  keep(traffic);
}

// In the place of the stream's number, which means nothing any more: an idle client has no byte for
// it.
void relay::keep(protocol::stream_traffic of) {
  stream_.value = static_cast<std::int64_t>((std::uint64_t{of.sent} << 32U) | of.received);
}

protocol::stream_traffic relay::traffic() const {
  if (link_ != nullptr) return link_->traffic(stream_);
  const auto kept = static_cast<std::uint64_t>(stream_.value);
  return {static_cast<std::uint32_t>(kept >> 32U), static_cast<std::uint32_t>(kept)};
}

void relay::over(close_reason reason, reset_reason towards_backend) {
  abandon(towards_backend);
  client_.expect_nothing();
  client_.on_relay_over(reason, {});
}

void relay::fail_client(client_io status) {
  over(reason_of(status), reset_reason::client_gone);
}

// --- client → backend
//
// Nothing is queued here: a client is read only for what its stream can send at this moment. What
// is not read stays in the client's socket, and TCP slows the client down.

void relay::on_client_readable() {
  if (to_backend_ == to_backend::open) move_to_backend();
}

void relay::on_writable() {
  set_blocked(blocked::at_backend, false);
  if (to_backend_ == to_backend::handing_over) return;
  if (to_backend_ == to_backend::opening || to_backend_ == to_backend::accepted)
    return client_.on_stream_writable();
  move_to_backend();
}

void relay::move_to_backend() {
  std::size_t left = turn_bytes;
  const auto moved = [&] { return left != turn_bytes; };
  while (link_ != nullptr && to_backend_ == to_backend::open) {
    if (left == 0) {
      client_.read_again_later();
      return watch_progress(true);
    }
    const std::size_t room = link_->sendable(stream_);
    if (room == 0) {
      const bool has_input = client_.has_input();
      set_blocked(blocked::at_backend, has_input);
      if (has_input) link_->wait_writable(stream_);
      return watch_progress(moved());
    }
    const auto into =
        std::span(context_.scratch).first(std::min({room, context_.scratch.size(), left}));
    const auto began = context_.timer.is_due() ? std::chrono::steady_clock::now()
                                               : std::chrono::steady_clock::time_point{};
    const client_io_result got = client_.read(into);
    switch (got.status) {
      case client_io::ok:
        left -= got.n;
        context_.metrics.relayed_bytes[relay_direction::to_backend].add(got.n);
        link_->submit_data(stream_, into.first(got.n), client_.has_input());
        context_.timer.note(link_, began);
        break;
      case client_io::blocked:
        return watch_progress(moved());
      case client_io::again:
        client_.read_again_later();
        return watch_progress(moved());
      case client_io::finished:
        return finish_to_backend();
      case client_io::truncated:
      case client_io::reset:
      case client_io::violation:
        return fail_client(got.status);
    }
  }
}

void relay::finish_to_backend() {
  set_state(to_backend::finished);
  link_->finish(stream_);
  watch_progress(true);
  end_if_both_finished();
}

// --- backend → client
//
// Bytes lie in to_client_ until the client's socket has taken them, and only then is their credit
// given back. So to_client_ never exceeds one window, and a client that does not read stops the
// backend's writes for its own stream, and nobody else's.

void relay::on_accepted() {
  set_state(to_backend::accepted);
  client_.on_stream_accepted();
}

void relay::on_refused(const protocol::refuse_frame& refusal) {
  context_.metrics.streams_refused[refusal.reason].add();
  release_stream();
  client_.on_stream_refused(refusal);
}

void relay::on_data(std::span<const std::byte> payload, bool) {
  for_client_.append(payload);
  context_.batch.add(*this);
}

void relay::on_finish() {
  set_state(to_client::finishing);
  context_.batch.add(*this);
}

void relay::on_client_writable() {
  if (is_blocked(blocked::at_client)) move_to_client();
}

void relay::move_to_client() {
  bool moved = false;
  set_blocked(blocked::at_client, false);
  while (!for_client_.empty()) {
    const client_io_result put = client_.write(for_client_.bytes());
    if (put.status == client_io::blocked) {
      set_blocked(blocked::at_client, true);
      return watch_progress(moved);
    }
    if (put.status != client_io::ok) return fail_client(put.status);
    moved = true;
    for_client_.consume(put.n);
    context_.metrics.relayed_bytes[relay_direction::to_client].add(put.n);
    if (link_ != nullptr) link_->consumed(stream_, put.n);
  }
  // An idle client holds no buffer.
  for_client_.release();
  if (to_client_ == to_client::finishing) return finish_to_client();
  settle_to_client(moved);
}

void relay::finish_to_client() {
  const client_io status = client_.finish_writing();
  if (status == client_io::ok) {
    set_state(to_client::finished);
    return settle_to_client(true);
  }
  if (status != client_io::blocked) return fail_client(status);
  set_blocked(blocked::at_client, true);
  watch_progress(false);
}

// All that there was is with the client.
void relay::settle_to_client(bool moved) {
  watch_progress(moved);
  end_if_both_finished();
  if (link_ == nullptr && to_backend_ == to_backend::handing_over) client_.on_rest_sent();
}

void relay::end_if_both_finished() {
  if (to_backend_ == to_backend::finished && to_client_ == to_client::finished)
    over(end_, reset_reason::cancelled);
}

// --- handing over
//
// Nothing is read from the client meanwhile, so that nothing has to be kept: what is on its way to
// the old backend comes back with the last Checkpoint. The new backend's stream begins only when
// the client has taken all that the old one sent.

void relay::hand_off(protocol::handoff_reason reason, std::int64_t map_epoch,
                     std::chrono::milliseconds within) {
  leave_backend();
  link_->hand_off(stream_, reason, map_epoch, within);
}

void relay::leave_backend() {
  set_state(to_backend::handing_over);
  set_blocked(blocked::at_backend, false);
  has_limit_ = false;
}

void relay::on_checkpoint(const protocol::checkpoint_frame& checkpoint) {
  if (checkpoint.last) release_stream();
  client_.on_stream_checkpoint(checkpoint);
}

// --- ends
//
// Every end leaves here once, with one reason. Where the backend or the link has ended the stream
// it is only released; where this side ends it, over() resets it first. A deadline runs only while
// bytes wait or one side has finished: a quiet client has none.

void relay::on_reset(reset_reason reason, bool by_peer) {
  release_stream();
  client_.expect_nothing();
  client_.on_relay_over(by_peer ? close_reason_of(reason) : close_reason::backend_violation,
                        name_of(reason));
}

void relay::on_link_lost(bool is_deposit_exact) {
  release_stream();
  if (to_backend_ == to_backend::opening) return client_.on_stream_lost_unaccepted();
  client_.expect_nothing();
  if (!client_.on_stream_lost(is_deposit_exact))
    return client_.on_relay_over(close_reason::link_lost, {});
  leave_backend();
  // What it sent is the client's, whatever comes next.
  move_to_client();
}

bool relay::announce_end(protocol::notice_reason reason, std::chrono::milliseconds within) {
  if (link_ == nullptr || !link_->takes_notices()) return false;
  link_->notify(stream_, reason, within);
  return true;
}

void relay::on_no_progress() {
  has_limit_ = false;
  if (is_blocked(blocked::at_client))
    return over(close_reason::client_stalled, reset_reason::stalled);
  if (is_blocked(blocked::at_backend))
    return over(close_reason::backend_stalled, reset_reason::stalled);
  over(close_reason::half_close_timeout, reset_reason::stalled);
}

bool relay::is_half_finished() const {
  return is_client_finished_ != (to_client_ != to_client::open);
}

void relay::watch_progress(bool moved) {
  // Then the session's own deadline runs: for the opening, or for the handoff.
  if (to_backend_ != to_backend::open && to_backend_ != to_backend::finished) return;
  if (blocked_ == blocked::nowhere && !is_half_finished()) {
    if (std::exchange(has_limit_, false)) client_.expect_nothing();
  } else if (moved || !has_limit_) {
    has_limit_ = true;
    client_.expect_progress(context_.settings.upstream.stall_timeout);
  }
}

}  // namespace presenter::gateway
