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

relay::relay(relay_context& context, relay_batch& batch, client_end& client)
    : context_(context), batch_(batch), client_(client) {}

relay::~relay() {
  release_stream();
}

void relay::start(std::shared_ptr<protocol::mux_core> link, protocol::stream_id stream,
                  std::span<const std::byte> packet) {
  link_ = std::move(link);
  stream_ = stream;
  packet_ = packet;
  accepted_ = false;
  context_.metrics.streams_opened.add();
  context_.metrics.streams_open.add();
  send_packet();
}

void relay::begin() {
  begun_ = true;
  move_to_backend();
}

void relay::abandon(reset_reason reason) {
  if (link_ == nullptr) return;
  link_->reset(stream_, reason);
  release_stream();
}

void relay::release_stream() {
  unlink();
  if (link_ == nullptr) return;
  context_.metrics.streams_open.sub();
  std::exchange(link_, nullptr)->release(stream_);
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

bool relay::send_packet() {
  while (!packet_.empty()) {
    const std::size_t n = link_->submit_data(stream_, packet_, false);
    if (n == 0) {
      link_->wait_writable(stream_);
      return false;
    }
    packet_ = packet_.subspan(n);
    context_.metrics.relayed_bytes[relay_direction::to_backend].add(n);
  }
  return true;
}

void relay::on_client_readable() {
  if (begun_) move_to_backend();
}

void relay::on_writable() {
  backend_blocked_ = false;
  if (!packet_.empty()) {
    if (send_packet() && accepted_) client_.on_stream_accepted();
  } else if (begun_) {
    move_to_backend();
  }
}

void relay::move_to_backend() {
  std::size_t left = turn_bytes;
  const auto moved = [&] { return left != turn_bytes; };
  while (link_ != nullptr && !client_finished_) {
    if (left == 0) {
      client_.read_again_later();
      return watch_progress(true);
    }
    const std::size_t room = link_->sendable(stream_);
    if (room == 0) {
      backend_blocked_ = client_.has_input();
      if (backend_blocked_) link_->wait_writable(stream_);
      return watch_progress(moved());
    }
    const auto into =
        std::span(context_.scratch).first(std::min({room, context_.scratch.size(), left}));
    const client_io_result got = client_.read(into);
    switch (got.status) {
      case client_io::ok:
        left -= got.n;
        context_.metrics.relayed_bytes[relay_direction::to_backend].add(got.n);
        link_->submit_data(stream_, into.first(got.n), client_.has_input());
        break;
      case client_io::blocked:
        return watch_progress(moved());
      case client_io::again:
        client_.read_again_later();
        return watch_progress(moved());
      case client_io::finished:
        client_finished_ = true;
        link_->finish(stream_);
        watch_progress(true);
        return end_if_both_finished();
      case client_io::truncated:
      case client_io::reset:
      case client_io::violation:
        return fail_client(got.status);
    }
  }
}

// --- backend → client
//
// Bytes lie in to_client_ until the client's socket has taken them, and only then is their credit
// given back. So to_client_ never exceeds one window, and a client that does not read stops the
// backend's writes for its own stream, and nobody else's.

void relay::on_accepted() {
  accepted_ = true;
  if (packet_.empty()) client_.on_stream_accepted();
}

void relay::on_refused(const protocol::refuse_frame& refusal) {
  packet_ = {};
  context_.metrics.streams_refused[refusal.reason].add();
  release_stream();
  client_.on_stream_refused(refusal);
}

void relay::on_data(std::span<const std::byte> payload, bool) {
  to_client_.append(payload);
  batch_.add(*this);
}

void relay::on_finish() {
  backend_finished_ = true;
  backend_first_ = !client_finished_;
  batch_.add(*this);
}

void relay::on_client_writable() {
  if (client_blocked_) move_to_client();
}

void relay::move_to_client() {
  bool moved = false;
  client_blocked_ = false;
  while (!to_client_.empty()) {
    const client_io_result put = client_.write(to_client_.bytes());
    if (put.status == client_io::blocked) {
      client_blocked_ = true;
      return watch_progress(moved);
    }
    if (put.status != client_io::ok) return fail_client(put.status);
    moved = true;
    to_client_.consume(put.n);
    context_.metrics.relayed_bytes[relay_direction::to_client].add(put.n);
    link_->consumed(stream_, put.n);
  }
  // An idle client holds no buffer.
  to_client_.release();
  if (backend_finished_ && !finish_sent_) return finish_to_client();
  watch_progress(moved);
}

void relay::finish_to_client() {
  const client_io status = client_.finish_writing();
  if (status == client_io::ok) {
    finish_sent_ = true;
    watch_progress(true);
    return end_if_both_finished();
  }
  if (status != client_io::blocked) return fail_client(status);
  client_blocked_ = true;
  watch_progress(false);
}

void relay::end_if_both_finished() {
  if (!client_finished_ || !finish_sent_) return;
  over(backend_first_ ? close_reason::backend_finished : close_reason::client_finished,
       reset_reason::cancelled);
}

// --- ends
//
// Every end leaves here once, with one reason. Where the backend or the link has ended the stream
// it is only released; where this side ends it, over() resets it first. A deadline runs only while
// bytes wait or one side has finished: a quiet client has none.

void relay::on_reset(reset_reason reason, bool by_peer) {
  packet_ = {};
  release_stream();
  client_.expect_nothing();
  client_.on_relay_over(by_peer ? close_reason_of(reason) : close_reason::backend_violation,
                        name_of(reason));
}

void relay::on_link_lost() {
  packet_ = {};
  release_stream();
  if (!accepted_) return client_.on_stream_lost_unaccepted();
  client_.expect_nothing();
  client_.on_relay_over(close_reason::link_lost, {});
}

void relay::on_no_progress() {
  watching_ = false;
  if (client_blocked_) return over(close_reason::client_stalled, reset_reason::stalled);
  if (backend_blocked_) return over(close_reason::backend_stalled, reset_reason::stalled);
  over(close_reason::half_close_timeout, reset_reason::stalled);
}

void relay::watch_progress(bool moved) {
  if (!begun_) return;  // the session's own deadline for the opening runs
  const bool waiting = client_blocked_ || backend_blocked_ || client_finished_ != backend_finished_;
  if (!waiting) {
    if (std::exchange(watching_, false)) client_.expect_nothing();
  } else if (moved || !watching_) {
    watching_ = true;
    client_.expect_progress(context_.settings.upstream.stall_timeout);
  }
}

}  // namespace presenter::gateway
