#include "gateway/client/client_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "gateway/client/openssl_handles.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {
namespace {

// How long a client may take to receive its last bytes and close its own side. Longer only keeps
// dead phones; shorter would cut answers on slow mobile networks.
constexpr duration closing_timeout = std::chrono::seconds{5};

// 64 KiB a turn, as much as a relay moves.
constexpr int drops_per_turn = 16;

client_io io_of(tls_status status) {
  switch (status) {
    case tls_status::ok:
      return client_io::ok;
    case tls_status::want_read:
    case tls_status::want_write:
      return client_io::blocked;
    case tls_status::again:
      return client_io::again;
    case tls_status::finished:
      return client_io::finished;
    case tls_status::truncated:
      return client_io::truncated;
    case tls_status::reset:
      return client_io::reset;
    case tls_status::violation:
      return client_io::violation;
  }
  return client_io::reset;
}

// Why a client that has not sent a whole packet yet is gone.
close_reason reason_before_packet(tls_status status) {
  switch (status) {
    case tls_status::reset:
      return close_reason::client_reset;
    case tls_status::violation:
      return close_reason::tls_protocol_error;
    default:
      return close_reason::packet_truncated;
  }
}

// Why a socket that the poller calls broken is broken.
close_reason reason_of_socket(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == ETIMEDOUT ? close_reason::client_timeout : close_reason::client_reset;
}

open_obstacle obstacle_of(protocol::refuse_reason reason) {
  switch (reason) {
    case protocol::refuse_reason::not_owner:
      return open_obstacle::not_owner;
    case protocol::refuse_reason::busy:
      return open_obstacle::busy;
    default:
      return open_obstacle::shutting_down;  // denied is not tried again
  }
}

}  // namespace

client_session::client_session(client_context& context, int descriptor,
                               const boost::asio::ip::tcp::endpoint& peer, address_claim claim)
    : context_(context),
      descriptor_(descriptor),
      peer_(peer),
      number_(++context.sessions_begun),
      accepted_at_(std::chrono::steady_clock::now()),
      idle_(context.deadlines.now()),
      tls_(context.tls, descriptor, context.io),
      opening_(std::make_unique<opening>(context.settings.auth, std::move(claim))),
      relay_(context.relaying, context.batch, *this) {
  context_.metrics.clients_accepted.add();
  context_.metrics.clients_open[phase_].add();
}

client_session::~client_session() {
  if (over_) return;
  // The worker is going down with everything it holds.
  context_.metrics.clients_open[phase_].sub();
  ::close(descriptor_);
}

void client_session::start() {
  set_deadline(context_.settings.tls.handshake_timeout);
  if (const auto error = context_.polls.add(descriptor_, *this, protocol::poll_mode::edge_in_out)) {
    spdlog::error("cannot poll a client: {}", error.message());
    close_now(close_reason::internal);
  }
}

void client_session::shut_down() {
  if (phase_ == client_phase::closing) return;
  if (phase_ == client_phase::opening) return answer_and_close(close_reason::shutting_down);
  relay_.abandon(protocol::reset_reason::shutting_down);
  if (phase_ == client_phase::handshake) return close_now(close_reason::shutting_down);
  close_cleanly(close_reason::shutting_down);
}

std::string client_session::tag() const {
  return fmt::format("{}-{}", context_.node, number_);
}

double client_session::age_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - accepted_at_).count();
}

// --- what happens

void client_session::on_poll(std::uint32_t events) {
  if (!turn_node::is_linked()) tls_.begin_turn();  // else it waits for its next one
  constexpr std::uint32_t gone = EPOLLERR | EPOLLHUP;
  const bool readable = (events & (EPOLLIN | EPOLLRDHUP | gone)) != 0;
  if (readable) tls_.mark_readable((events & (EPOLLRDHUP | gone)) != 0);
  const bool was_full = tls_.is_full();
  if ((events & (EPOLLOUT | gone)) != 0) tls_.mark_writable();

  switch (phase_) {
    case client_phase::handshake:
      // It has given up waiting: no crypto is spent on it. Once our part is on its way a FIN may
      // come with the client's own, and data between them.
      if ((events & gone) != 0 || ((events & EPOLLRDHUP) != 0 && !tls_.has_begun())) {
        if (!tls_.has_begun())
          context_.metrics.spared_handshakes[spared_handshake::client_gone].add();
        return on_handshake_failed("the client has gone");
      }
      // The first edge only says that an empty socket can be written to.
      if (readable || was_full) context_.handshakes.add(*this);
      return;
    case client_phase::first_packet:
      return read_packet();
    case client_phase::opening:
      if ((events & gone) != 0) return close_now(reason_of_socket(descriptor_));
      // The backend may answer before it has taken the whole packet.
      if ((events & EPOLLOUT) != 0) relay_.on_client_writable();
      return;
    case client_phase::relaying:
      // Nothing can reach a client whose socket has failed, even if its stream has no credit to
      // find out by reading.
      if ((events & EPOLLERR) != 0) {
        relay_.abandon(protocol::reset_reason::client_gone);
        return close_now(reason_of_socket(descriptor_));
      }
      if ((events & EPOLLOUT) != 0) relay_.on_client_writable();
      // Reading may have waited for room as well: the answer to a KeyUpdate goes out first.
      if ((readable || tls_.has_input()) && phase_ == client_phase::relaying && !over_) {
        relay_.on_client_readable();
      }
      return;
    case client_phase::stranded:
      // It has left by itself, or its socket has failed. What it sends would reach nobody: it is to
      // learn of it soon.
      if ((events & (gone | EPOLLRDHUP)) != 0) return close_now(reason_);
      if ((events & EPOLLIN) != 0) context_.mover.hurry(*this, std::chrono::steady_clock::now());
      return;
    case client_phase::closing:
      return step_closing();
  }
}

void client_session::on_turn() {
  tls_.begin_turn();
  if (phase_ == client_phase::handshake) return step_handshake();
  if (phase_ == client_phase::first_packet) return read_packet();
  if (phase_ == client_phase::relaying) return relay_.on_client_readable();
  if (phase_ == client_phase::closing) step_closing();
}

void client_session::on_deadline(steady_time now) {
  switch (phase_) {
    case client_phase::handshake:
      if (!tls_.has_begun()) context_.metrics.spared_handshakes[spared_handshake::timeout].add();
      return close_now(close_reason::handshake_timeout);
    case client_phase::first_packet:
      return answer_and_close(close_reason::packet_timeout);
    case client_phase::opening:
      return on_opening_deadline();
    case client_phase::relaying:
      return expects_progress_ ? relay_.on_no_progress() : on_idle(now);
    case client_phase::stranded:
      return;  // the mover's pace is its only limit
    case client_phase::closing:
      return finish_session();
  }
}

void client_session::on_upstream_changed() {
  const auto now = std::chrono::steady_clock::now();
  const auto step = opening_->retry.on_woken(true, context_.upstream.map_epoch(), now);
  open_again(step, opening_->obstacle);
}

void client_session::set_phase(client_phase phase) {
  context_.metrics.change_phase(phase_, phase);
  phase_ = phase;
}

void client_session::set_deadline(duration within) {
  context_.deadlines.set_deadline(*this, std::chrono::steady_clock::now() + within);
}

// --- handshake

void client_session::step_handshake() {
  // What the backend answered early goes first: OpenSSL ends one record before it begins another.
  if (tls_.is_write_pending()) relay_.on_client_writable();
  if (over_ || tls_.is_write_pending()) return;
  tls_status status = tls_status::reset;
  try {
    status = tls_.handshake();
  } catch (const std::bad_alloc&) {
    spdlog::error("no memory for a handshake");
    return close_now(close_reason::internal);
  }
  if (status == tls_status::ok) return on_handshake_done();
  if (!goes_on(status)) return on_handshake_failed(take_openssl_error());
  read_early_packet();
  if (status == tls_status::again && !over_) context_.handshakes.add(*this);
}

void client_session::on_handshake_failed(std::string_view why) {
  context_.metrics.handshakes[handshake_kind::failed].add();
  spdlog::debug("client {}: handshake failed: {}", peer_.address().to_string(), why);
  close_now(close_reason::handshake_failed);
}

void client_session::on_handshake_done() {
  context_.metrics.handshakes[tls_.is_resumed() ? handshake_kind::resumed : handshake_kind::full]
      .add();
  if (tls_.is_resumed_elsewhere()) context_.metrics.resumed_elsewhere.add();
  opening_->facts = tls_.facts();
  count_early_data();
  if (context_.settings.tls.detach_records) tls_.detach();
  if (opening_->early_opened) return go_on_after_early_stream();
  set_phase(client_phase::first_packet);
  set_deadline(context_.settings.auth.timeout);
  read_packet();
}

// --- first packet

void client_session::read_packet() {
  if (opening_->early_fault) return answer_and_close(*opening_->early_fault);
  first_packet& packet = opening_->packet;
  for (auto wanted = packet.wanted(); !wanted.empty(); wanted = packet.wanted()) {
    const tls_result got = tls_.read(wanted);
    if (got.status == tls_status::again) context_.handshakes.add(*this);
    if (goes_on(got.status)) return;
    if (got.status != tls_status::ok) return close_now(reason_before_packet(got.status));
    if (const auto wrong = packet.commit(got.n)) return answer_and_close(*wrong);
  }
  if (const auto wrong = packet.find_key(opening_->key)) return answer_and_close(*wrong);
  begin_opening();
  open_stream();
}

// --- early data, before the handshake has ended

void client_session::read_early_packet() {
  if (!tls_.has_early_data() || opening_->early_opened || opening_->early_fault) return;
  first_packet& packet = opening_->packet;
  auto wanted = packet.wanted();
  if (wanted.empty()) return;
  while (!wanted.empty()) {
    const std::size_t n = tls_.read_early(wanted);
    if (n == 0) return;
    opening_->early_fault = packet.commit(n);
    if (opening_->early_fault) return;
    wanted = packet.wanted();
  }
  if (!packet.find_key(opening_->key)) open_early_stream();
}

// Else the packet stays here until the handshake has ended, and then goes the way of all.
void client_session::open_early_stream() {
  const auto route = context_.upstream.route(opening_->key);
  if (route.link == nullptr || !route.link->takes_early_data()) return;
  context_.metrics.early_data[early_data_result::forwarded].add();
  opening_->facts = tls_.facts();
  set_backend(route.backend);
  submit_open(route, true);
}

void client_session::go_on_after_early_stream() {
  begin_opening();
  // Refused or lost meanwhile: once more, now as any other. It may have been refused for being
  // early.
  if (!relay_.is_started()) return open_stream();
  context_.deadlines.set_deadline(*this, opening_->retry.deadline());
  opening_->retry.on_opened(context_.upstream.map_epoch());
  if (opening_->early_accepted) on_stream_accepted();
  if (!over_ && phase_ == client_phase::relaying) relay_.on_client_writable();
}

void client_session::count_early_data() {
  if (opening_->early_opened) return;
  if (tls_.has_early_data()) context_.metrics.early_data[early_data_result::held].add();
  if (tls_.has_refused_early_data() && !tls_.is_early_data_counted())
    context_.metrics.early_data[early_data_result::rejected].add();
}

// --- opening

void client_session::begin_opening() {
  opening_->claim.release();
  set_ring_hash(shard_router::ring_hash_of(opening_->key));
  set_phase(client_phase::opening);
  opening_->retry =
      open_retry(std::chrono::steady_clock::now() + context_.settings.upstream.opening_timeout);
}

void client_session::open_stream() {
  open_retry& retry = opening_->retry;
  const auto route = context_.upstream.route(opening_->key);
  set_backend(route.backend);
  if (route.link == nullptr) {
    const auto why = !route.has_owner ? close_reason::no_shard
                     : route.is_full  ? close_reason::backend_full
                                      : close_reason::backend_unreachable;
    opening_->obstacle = open_obstacle::no_link;
    return wait_to_open(retry.on_no_link(why));
  }
  context_.deadlines.set_deadline(*this, retry.deadline());
  retry.on_opened(route.map_epoch);
  submit_open(route, false);
}

void client_session::submit_open(const upstream_pool::upstream_route& route, bool is_early) {
  protocol::open_frame open;
  open.key = opening_->key;
  open.map_epoch = route.map_epoch;
  open.client_address = peer_.address().to_string();
  open.client_port = peer_.port();
  open.tls = opening_->facts;
  open.tag = tag();
  open.early_data = is_early;
  opening_->early_opened = is_early;
  const protocol::stream_id stream = route.link->open(std::move(open), relay_);
  relay_.start(route.link, stream, opening_->packet.bytes());
}

void client_session::open_again(open_step step, open_obstacle obstacle) {
  opening_->obstacle = obstacle;
  if (step != open_step::open) return wait_to_open(step);
  context_.metrics.open_retries[obstacle].add();
  open_stream();
}

// The client's bytes wait with it: the first packet here, what is behind it in its socket.
void client_session::wait_to_open(open_step step) {
  open_waiters& waiters = context_.upstream.waiters();
  bool waits = false;
  switch (step) {
    case open_step::open:
      return open_stream();
    case open_step::give_up:
      return answer_and_close(opening_->retry.reason());
    case open_step::wait_for_map:
      waits = waiters.wait_for_map(*this);
      break;
    case open_step::wait_for_change:
      waits = backend() == nullptr ? waiters.wait_for_map(*this)
                                   : waiters.wait_for_room(*this, backend()->name);
      break;
    case open_step::wait_for_time:
      waits = waiters.wait_for_time(*this);
      break;
  }
  if (!waits) return answer_and_close(close_reason::openings_exceeded);
  context_.deadlines.set_deadline(*this, opening_->retry.wake_at());
}

void client_session::on_opening_deadline() {
  open_retry& retry = opening_->retry;
  if (relay_.is_started()) return answer_and_close(close_reason::open_timeout);
  stop_waiting();
  const auto now = std::chrono::steady_clock::now();
  open_again(retry.on_woken(false, context_.upstream.map_epoch(), now), opening_->obstacle);
}

void client_session::on_stream_accepted() {
  if (is_early()) {
    opening_->early_accepted = true;
    return;
  }
  opening_.reset();
  idle_.mark(context_.deadlines.now());
  expect_nothing();
  set_phase(client_phase::relaying);
  context_.mover.add(*this, std::chrono::steady_clock::now());
  relay_.begin();
}

void client_session::on_stream_refused(const protocol::refuse_frame& refusal) {
  if (is_early()) return;
  // It may have been refused for being early, and that be known only now, after the handshake.
  if (opening_->early_opened) return open_stream();
  upstream_pool& upstream = context_.upstream;
  const auto step = opening_->retry.on_refused(refusal, upstream.map_epoch(),
                                               std::chrono::steady_clock::now(), upstream.random());
  open_again(step, obstacle_of(refusal.reason));
}

void client_session::on_stream_lost_unaccepted() {
  if (is_early()) return;
  // The packet is still here: another link, or the next owner, will do.
  const auto step =
      opening_->retry.on_link_lost(std::chrono::steady_clock::now(), context_.upstream.random());
  open_again(step, open_obstacle::link_lost);
}

// --- relaying

client_io_result client_session::read(std::span<std::byte> into) {
  const tls_result got = tls_.read(into);
  if (got.n != 0) idle_.mark(context_.deadlines.now());
  return {io_of(got.status), got.n};
}

client_io_result client_session::write(std::span<const std::byte> bytes) {
  const tls_result put = tls_.write(bytes);
  if (put.n != 0) idle_.mark(context_.deadlines.now());
  return {io_of(put.status), put.n};
}

client_io client_session::finish_writing() {
  if (is_early()) return client_io::blocked;  // close_notify is no early business
  const tls_status status = tls_.finish();
  close_notify_sent_ = status == tls_status::ok;
  return io_of(status);
}

bool client_session::has_input() const {
  return tls_.has_input();
}

void client_session::read_again_later() {
  context_.relays.add(*this);
}

void client_session::expect_progress(std::chrono::milliseconds within) {
  expects_progress_ = true;
  set_deadline(within);
}

void client_session::expect_nothing() {
  expects_progress_ = false;
  const duration timeout = context_.settings.clients.idle_timeout;
  if (timeout == duration::zero()) return clear_deadline();
  context_.deadlines.set_deadline(*this, idle_.due(timeout));
}

// It was looked at in vain if there have been bytes since the deadline was set.
void client_session::on_idle(steady_time now) {
  const steady_time due = idle_.due(context_.settings.clients.idle_timeout);
  if (due > now) return context_.deadlines.set_deadline(*this, due);
  relay_.abandon(protocol::reset_reason::cancelled);
  close_cleanly(close_reason::client_idle);
}

void client_session::on_relay_over(close_reason reason) {
  if (is_early()) return close_now(reason);
  switch (reason) {
    case close_reason::client_finished:
    case close_reason::backend_finished:
      return close_cleanly(reason);
    // Whoever meets these is one of many, and all of them would come back at once.
    case close_reason::stream_moved:
    case close_reason::backend_shutting_down:
    case close_reason::link_lost:
      return strand(reason);
    default:
      // What happened is no clean end, and without close_notify the client can tell.
      return close_now(reason);
  }
}

// --- moves

void client_session::strand(close_reason reason) {
  // It has asked with its early data, and has nothing yet.
  if (phase_ == client_phase::handshake) return close_now(reason);
  reason_ = reason;
  clear_deadline();
  set_phase(client_phase::stranded);
  const bool is_lost = reason == close_reason::link_lost;
  if (is_lost) relay_.unsent().release();  // not a clean end
  context_.mover.strand(*this, is_lost ? move_cause::link_lost : move_cause::backend_ended,
                        std::chrono::steady_clock::now());
}

void client_session::on_move(move_cause cause) {
  if (cause == move_cause::link_lost) return close_now(reason_);
  if (phase_ == client_phase::stranded) return close_cleanly(reason_);
  relay_.abandon(protocol::reset_reason::moved);
  close_cleanly(close_reason::stream_moved);
}

// --- closing

void client_session::note_reason(close_reason reason) {
  if (std::exchange(has_reason_, true)) return;
  reason_ = reason;
  const close_row& row = row_of(reason);
  context_.metrics.closes[reason].add();
  write_paced(row.level, context_.closes_said[static_cast<std::size_t>(reason)], [this, &row] {
    return fmt::format("client {} {}:{} closed: {} (fault: {}) backend {} after {:.3f} s", tag(),
                       peer_.address().to_string(), peer_.port(), row.name, name_of(row.blame),
                       backend() == nullptr ? "-" : backend()->name, age_seconds());
  });
}

void client_session::answer_and_close(close_reason reason) {
  relay_.abandon(protocol::reset_reason::cancelled);
  if (opening_) opening_->packet.append_answer(reason, relay_.unsent());
  if (relay_.unsent().empty()) return close_now(reason);
  close_cleanly(reason);
}

void client_session::close_cleanly(close_reason reason) {
  note_reason(reason);
  context_.mover.remove(*this);
  stop_waiting();
  set_phase(client_phase::closing);
  set_deadline(closing_timeout);
  step_closing();
}

void client_session::close_now(close_reason reason) {
  note_reason(reason);
  finish_session();
}

// Last bytes, close_notify, FIN, and then the client's own end: closing a socket with unread input
// would send a RST that destroys what is still on its way to the client.
void client_session::step_closing() {
  protocol::byte_buffer& rest = relay_.unsent();
  while (!rest.empty()) {
    const tls_result put = tls_.write(rest.bytes());
    if (goes_on(put.status)) return;
    if (put.status != tls_status::ok) return finish_session();
    rest.consume(put.n);
  }
  if (!close_notify_sent_) {
    const tls_status status = tls_.finish();
    if (goes_on(status)) return;
    if (status != tls_status::ok) return finish_session();
    close_notify_sent_ = true;
  }
  const bool both_finished =
      reason_ == close_reason::client_finished || reason_ == close_reason::backend_finished;
  if (both_finished) return finish_session();
  if (!std::exchange(fin_sent_, true)) ::shutdown(descriptor_, SHUT_WR);
  drop_input();
}

// What the client still sends; in portions, for one that never stops must not hold the worker.
void client_session::drop_input() {
  std::array<std::byte, 4'096> ignored;
  for (int i = 0; i < drops_per_turn; ++i) {
    const ssize_t n = ::recv(descriptor_, ignored.data(), ignored.size(), 0);
    if (n > 0) continue;
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) finish_session();
    return;
  }
  context_.relays.add(*this);
}

void client_session::finish_session() {
  if (std::exchange(over_, true)) return;
  relay_.abandon(protocol::reset_reason::client_gone);
  clear_deadline();
  turn_node::unlink();
  context_.mover.remove(*this);
  stop_waiting();
  context_.polls.remove(descriptor_, *this);
  ::close(descriptor_);
  context_.metrics.clients_open[phase_].sub();
  context_.owner.on_session_over(*this);
}

}  // namespace presenter::gateway
