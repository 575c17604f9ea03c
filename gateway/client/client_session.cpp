#include "gateway/client/client_session.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <new>
#include <string>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/client/client_reasons.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {

client_session::client_session(client_context& context, int descriptor,
                               const boost::asio::ip::tcp::endpoint& peer, address_claim claim)
    : context_(context),
      descriptor_(descriptor),
      peer_(peer),
      number_(++context.sessions_begun),
      accepted_at_(std::chrono::steady_clock::now()),
      idle_(context.deadlines.now()),
      tls_(context.tls, descriptor, context.io),
      opening_(std::make_unique<client_opening>(
          context.settings.auth, context.settings.upstream.opening_timeout, std::move(claim))),
      relay_(context.relaying, *this) {
  context_.metrics.clients_accepted.add();
  context_.metrics.clients_open[phase_].add();
}

client_session::~client_session() {
  context_.opened.drop(opened_);
  if (is_over_) return;
  // The worker is going down with everything it holds.
  context_.metrics.clients_open[phase_].sub();
  ::close(descriptor_);
}

void client_session::start() {
  context_.thread.assert_on_worker();
  set_deadline(context_.settings.tls.handshake_timeout);
  begin_polling();
}

void client_session::begin_polling() {
  if (const auto error = context_.polls.add(descriptor_, *this, poll_mode::edge_in_out)) {
    log_paced(context_.failures_said, spdlog::level::err, "cannot poll a client: {}",
              error.message());
    close_now(close_reason::internal);
  }
}

void client_session::shut_down() {
  context_.thread.assert_on_worker();
  if (phase_ == client_phase::closing) return;
  end_by_order(close_reason::shutting_down, protocol::reset_reason::shutting_down);
}

bool client_session::close_by_order(close_reason reason) {
  context_.thread.assert_on_worker();
  if (is_over_ || phase_ == client_phase::closing) return false;
  end_by_order(reason, protocol::reset_reason::cancelled);
  return true;
}

void client_session::end_by_order(close_reason reason, protocol::reset_reason to_backend) {
  if (phase_ == client_phase::opening && !is_handed_over()) return answer_and_close(reason);
  relay_.abandon(to_backend);
  if (phase_ == client_phase::handshake) return close_now(reason);
  close_cleanly(reason);
}

void client_session::close_served(close_reason reason) {
  context_.thread.assert_on_worker();
  relay_.abandon(reason == close_reason::gateway_draining ? protocol::reset_reason::shutting_down
                                                          : protocol::reset_reason::cancelled);
  close_cleanly(reason);
}

bool client_session::announce_close(close_reason reason, duration within) {
  context_.thread.assert_on_worker();
  const bool is_drain = reason == close_reason::gateway_draining;
  return relay_.announce_end(
      is_drain ? protocol::notice_reason::gateway_draining : protocol::notice_reason::shedding,
      within);
}

std::string client_session::tag() const {
  context_.thread.assert_on_worker();
  return fmt::format("{}-{}", context_.tag_stem, number_);
}

bool client_session::has_tag(std::string_view tag) const {
  const std::string& stem = context_.tag_stem;
  if (tag.size() < stem.size() + 2 || !tag.starts_with(stem) || tag[stem.size()] != '-')
    return false;
  return tag.substr(stem.size() + 1) == std::to_string(number_);
}

double client_session::age_seconds() const {
  context_.thread.assert_on_worker();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - accepted_at_).count();
}

// --- what happens

void client_session::on_poll(std::uint32_t events) {
  // Else it waits for its next one.
  if (!turn_node::is_linked()) tls_.begin_turn(context_.deadlines.now());
  constexpr std::uint32_t gone = EPOLLERR | EPOLLHUP;
  const bool is_readable = (events & (EPOLLIN | EPOLLRDHUP | gone)) != 0;
  if (is_readable) tls_.mark_readable((events & (EPOLLRDHUP | gone)) != 0);
  const bool was_full = tls_.is_full();
  if ((events & (EPOLLOUT | gone)) != 0) tls_.mark_writable();

  switch (phase_) {
    case client_phase::handshake:
      // It has given up waiting, so no crypto is spent on it. Once OpenSSL has begun, a FIN may
      // come right behind the rest of the client's handshake and its data: that is no reason to
      // give up.
      if ((events & gone) != 0 || ((events & EPOLLRDHUP) != 0 && !tls_.has_begun())) {
        if (!tls_.has_begun())
          context_.metrics.spared_handshakes[spared_handshake::client_gone].add();
        return on_handshake_failed(tls_status::reset, "the client has gone");
      }
      // The first edge only says that an empty socket can be written to.
      if (is_readable || was_full) context_.handshakes.add(*this);
      return;
    case client_phase::first_packet:
      return read_packet();
    case client_phase::opening:
    case client_phase::handing_over:
      // Between two backends a hang-up may have the client's last bytes in front of it: it is read
      // by the next one's relay.
      if ((events & (is_handed_over() ? std::uint32_t{EPOLLERR} : gone)) != 0)
        return close_now(reason_of_socket(descriptor_));
      // Those who talk are not made to wait behind the silent, if they wait for their turn.
      if (is_readable) context_.mover.hurry(*this, std::chrono::steady_clock::now());
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
      if ((is_readable || tls_.has_input()) && phase_ == client_phase::relaying && !is_over_) {
        relay_.on_client_readable();
      }
      return;
    case client_phase::stranded:
      // It has left by itself, or its socket has failed. What it sends would reach nobody: it is to
      // learn of it soon.
      if ((events & gone) != 0) return close_now(reason_);
      if ((events & EPOLLRDHUP) != 0) return end_stranded();
      if ((events & EPOLLIN) != 0) context_.mover.hurry(*this, std::chrono::steady_clock::now());
      return;
    case client_phase::closing:
      return step_closing();
  }
}

void client_session::on_turn() {
  tls_.begin_turn(context_.deadlines.now());
  if (phase_ == client_phase::handshake) return step_handshake();
  if (phase_ == client_phase::first_packet) return read_packet();
  if (phase_ == client_phase::relaying) return relay_.on_client_readable();
  if (phase_ == client_phase::closing) return step_closing();
  if (is_handed_over()) step_between_backends();
}

void client_session::on_deadline(steady_time now) {
  switch (phase_) {
    case client_phase::handshake:
      if (!tls_.has_begun()) context_.metrics.spared_handshakes[spared_handshake::timeout].add();
      // Without a word: TLS has none for it that OpenSSL would say before it has keys.
      return close_now(timeout_or_overload(close_reason::handshake_timeout));
    case client_phase::first_packet:
      return answer_and_close(timeout_or_overload(close_reason::packet_timeout));
    case client_phase::opening:
      stop_waiting();
      if (is_handed_over()) return context_.moves.add(*this);
      return carry_out(opening_->on_deadline(moment()));
    case client_phase::relaying:
      return expects_progress_ ? relay_.on_no_progress() : on_idle(now);
    case client_phase::handing_over:
      // It has not answered; or it has, and the client does not take what it sent before.
      if (opened_->handoff->is_held()) return close_now(close_reason::client_stalled);
      if (is_waiting_for_fate()) return context_.moves.add(*this);
      return fail_handoff(handoff_result::deadline);
    case client_phase::stranded:
      return;  // the mover's pace is its only limit
    case client_phase::closing:
      return finish_session();
  }
}

// Its bytes are here, and this worker has not come to them.
close_reason client_session::timeout_or_overload(close_reason timeout) const {
  return turn_node::is_linked() ? close_reason::overloaded : timeout;
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
  if (is_over_ || tls_.is_write_pending()) return;
  tls_status status = tls_status::reset;
  try {
    status = tls_.handshake();
  } catch (const std::bad_alloc&) {
    log_paced(context_.failures_said, spdlog::level::err, "no memory for a handshake");
    return close_now(close_reason::internal);
  }
  if (status == tls_status::ok) return on_handshake_done();
  if (!goes_on(status)) return on_handshake_failed(status, take_openssl_error());
  read_early_packet();
  if (status == tls_status::again && !is_over_) context_.handshakes.add(*this);
}

void client_session::on_handshake_failed(tls_status status, std::string_view why) {
  context_.metrics.handshakes[handshake_kind::failed].add();
  if (status == tls_status::reset) return close_now(close_reason::handshake_failed, why);
  close_with_alert(close_reason::handshake_failed, why);
}

void client_session::on_handshake_done() {
  const handshake_kind kind = tls_.is_resumed() ? handshake_kind::resumed : handshake_kind::full;
  context_.metrics.handshakes[kind].add();
  const auto took = std::chrono::steady_clock::now() - accepted_at_;
  context_.metrics.handshake_times[kind].observe(took);
  handshake_took_ = short_time(took);
  if (tls_.is_resumed_elsewhere()) context_.metrics.resumed_elsewhere.add();
  if (context_.arrivals != nullptr)
    context_.arrivals->note(peer_.address(), context_.deadlines.now());
  opening_->set_tls_facts(tls_.facts());
  count_early_data();
  if (context_.settings.tls.detach_records) tls_.detach();
  set_phase(client_phase::first_packet);
  set_deadline(context_.settings.auth.timeout);
  carry_out(opening_->on_handshake_ended(moment()));
}

void client_session::count_early_data() {
  if (opening_->is_opened_early()) return;
  if (tls_.has_early_data()) context_.metrics.early_data[early_data_result::held].add();
  if (tls_.has_refused_early_data() && !tls_.is_early_data_counted())
    context_.metrics.early_data[early_data_result::rejected].add();
}

// --- opening

void client_session::read_packet() {
  for (auto wanted = opening_->wanted(); !wanted.empty(); wanted = opening_->wanted()) {
    const tls_result got = tls_.read(wanted);
    if (got.status == tls_status::again) context_.handshakes.add(*this);
    if (goes_on(got.status)) return;
    if (got.status != tls_status::ok) return on_end_before_packet(got.status);
    const auto step = opening_->on_packet_bytes(got.n, std::chrono::steady_clock::now());
    if (step != opening_step::read) return carry_out(step);
  }
}

void client_session::on_end_before_packet(tls_status status) {
  const close_reason reason = reason_before_packet(status);
  if (status == tls_status::reset) return close_now(reason);
  if (status == tls_status::finished) return close_cleanly(reason);
  close_with_alert(reason);
}

void client_session::read_early_packet() {
  if (!tls_.has_early_data()) return;
  for (auto wanted = opening_->wanted(); !wanted.empty(); wanted = opening_->wanted()) {
    const std::size_t n = tls_.read_early(wanted);
    if (n == 0) return;
    const auto step = opening_->on_packet_bytes(n, std::chrono::steady_clock::now());
    if (step != opening_step::read) return carry_out(step);
  }
}

// The client's bytes wait with it: the first packet in its opening, what is behind in its socket.
void client_session::carry_out(opening_step step) {
  open_waiters& waiters = context_.upstream.waiters();
  switch (step) {
    case opening_step::read:
      return read_packet();
    case opening_step::open:
      return open_stream();
    case opening_step::await_handshake:
      return;
    case opening_step::await_answer:
      set_phase(client_phase::opening);
      return context_.deadlines.set_deadline(*this, opening_->deadline());
    case opening_step::wait_for_map:
      return wait_for_upstream(waiters.wait_for_map(*this));
    case opening_step::wait_for_change:
      return wait_for_upstream(backend() == nullptr
                                   ? waiters.wait_for_map(*this)
                                   : waiters.wait_for_room(*this, backend()->name));
    case opening_step::wait_for_time:
      return wait_for_upstream(waiters.wait_for_time(*this));
    case opening_step::relay:
      return begin_relaying();
    case opening_step::answer:
      if (is_handed_over()) return fail_handoff(result_of(opening_->reason()));
      return answer_and_close(opening_->reason());
  }
}

opening_moment client_session::moment() {
  upstream_pool& upstream = context_.upstream;
  return {std::chrono::steady_clock::now(), upstream.map_epoch(), upstream.random()};
}

void client_session::open_stream() {
  const auto route = context_.upstream.route(opening_->key());
  if (is_early()) {
    // Else the packet stays until the handshake has ended, and then goes the way of all.
    if (route.link == nullptr || !route.link->takes_early_data()) return;
    context_.metrics.early_data[early_data_result::forwarded].add();
    opening_->set_tls_facts(tls_.facts());
    return submit_open(route);
  }
  set_phase(client_phase::opening);
  if (const auto met = opening_->obstacle()) context_.metrics.open_retries[*met].add();
  if (route.link != nullptr) {
    if (is_handed_over() && !route.link->takes_handoffs())
      return fail_handoff(handoff_result::no_feature);
    submit_open(route);
    return context_.deadlines.set_deadline(*this, opening_->deadline());
  }
  set_backend(route.backend);
  carry_out(opening_->on_no_link(route.obstacle()));
}

void client_session::submit_open(const upstream_pool::upstream_route& route) {
  set_backend(route.backend);
  set_ring_hash(shard_router::ring_hash_of(opening_->key()));
  protocol::open_frame open = opening_->open(route.map_epoch);
  open.client_address = peer_.address().to_string();
  open.client_port = peer_.port();
  open.tag = tag();
  relay_.start(route.link, opened_on(*route.link, std::move(open)));
  send_packet();
}

protocol::stream_id client_session::opened_on(protocol::mux_core& link, protocol::open_frame open) {
  if (!is_handed_over()) return link.open(std::move(open), relay_);
  open.continued = opened_->handoff->continued();
  return link.open_continued(std::move(open), opened_->handoff->checkpoint(), relay_);
}

void client_session::send_packet() {
  const auto next = opening_->on_packet_sent(relay_.send_packet(opening_->unsent()));
  if (next == opening_step::relay) begin_relaying();
}

void client_session::wait_for_upstream(bool has_place) {
  if (!has_place) return carry_out(opening_->on_no_place());
  context_.deadlines.set_deadline(*this, opening_->deadline());
}

void client_session::on_upstream_changed() {
  if (is_waiting_for_fate()) return context_.moves.add(*this);
  carry_out(opening_->on_woken(moment()));
}

void client_session::on_stream_accepted() {
  const opening_step next = opening_->on_accepted();
  if (!is_handed_over()) return carry_out(next);
  // The next one is the new backend's to make.
  context_.opened.drop_deposit(*opened_);
  // A backend may accept thousands in one gulp.
  if (next == opening_step::relay) return context_.moves.add(*this);
  carry_out(next);
}

void client_session::on_stream_writable() {
  send_packet();
}

void client_session::on_stream_refused(const protocol::refuse_frame& refusal) {
  carry_out(opening_->on_refused(refusal, moment()));
}

void client_session::on_stream_lost_unaccepted() {
  carry_out(opening_->on_lost(moment()));
}

// --- relaying

void client_session::begin_relaying() {
  const auto now = std::chrono::steady_clock::now();
  if (is_handed_over()) {
    end_handoff(opened_->handoff->success());
  } else {
    if (relay_.takes_handoffs())
      opened_ = context_.opened.keep(opening_->key(), opening_->tls_facts());
    context_.metrics.open_times.observe(now - opening_->begun_at());
    opening_took_ = short_time(now - opening_->begun_at());
    idle_.mark(context_.deadlines.now());
  }
  opening_.reset();
  expect_nothing();
  set_phase(client_phase::relaying);
  context_.mover.add(*this, now);
  relay_.begin();
  // The close_notify of an early answer had to wait for the end of the handshake.
  if (!is_over_ && phase_ == client_phase::relaying) relay_.on_client_writable();
}

client_io_result client_session::read(std::span<std::byte> into) {
  const tls_result got = tls_.read(into);
  if (got.n != 0) idle_.mark(context_.deadlines.now());
  return {client_io_of(got.status), got.n};
}

client_io_result client_session::write(std::span<const std::byte> bytes) {
  const tls_result put = tls_.write(bytes);
  if (put.n != 0) idle_.mark(context_.deadlines.now());
  return {client_io_of(put.status), put.n};
}

client_io client_session::finish_writing() {
  if (is_early()) return client_io::blocked;  // close_notify is no early business
  return client_io_of(closing_.finish_writing(tls_));
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

// The deadline is not moved by each byte: if there were bytes since it was set, it is set anew.
void client_session::on_idle(steady_time now) {
  if (context_.settings.clients.idle_timeout == duration::zero()) return;
  const steady_time due = idle_.due(context_.settings.clients.idle_timeout);
  if (due > now) return context_.deadlines.set_deadline(*this, due);
  relay_.abandon(protocol::reset_reason::cancelled);
  close_cleanly(close_reason::client_idle);
}

void client_session::on_relay_over(close_reason reason, std::string_view cause) {
  if (is_early()) return close_now(reason, cause);
  move_cause moved_for = cause_of_stranding(reason);
  if (is_handed_over()) {
    moved_for = opened_->handoff->cause();
    end_handoff(result_of(reason, cause));
  }
  switch (reason) {
    case close_reason::client_finished:
    case close_reason::backend_finished:
      return close_cleanly(reason);
    // These reasons meet many clients at once, and all of them would come back at once.
    case close_reason::stream_moved:
    case close_reason::backend_shutting_down:
    case close_reason::link_lost:
      return strand(reason, moved_for);
    // Nobody is there, or reads what would be said.
    case close_reason::client_reset:
    case close_reason::client_timeout:
    case close_reason::client_stalled:
      return close_now(reason, cause);
    default:
      return close_with_alert(reason, cause);
  }
}

// --- closing

void client_session::note_reason(close_reason reason, std::string_view cause) {
  if (std::exchange(has_reason_, true)) return;
  if (is_handed_over()) end_handoff(result_of(reason, cause));
  reason_ = reason;
  const close_row& row = row_of(reason);
  context_.metrics.closes[reason].add();
  record_end(cause);
  write_paced(row.level, context_.closes_said[static_cast<std::size_t>(reason)], [&] {
    const std::string found = found_cause(reason, cause);
    return fmt::format("client {} {} closed: {}{}{} (fault: {}) backend {} after {:.3f} s", tag(),
                       format_endpoint(peer_), row.name, found.empty() ? "" : ": ", found,
                       name_of(row.blame), backend() == nullptr ? "-" : backend()->name,
                       age_seconds());
  });
}

// What was told, or else what the parts know besides the reason.
std::string client_session::found_cause(close_reason reason, std::string_view told) const {
  if (!told.empty()) return std::string(told);
  if (reason == close_reason::tls_protocol_error) return tls_.violation();
  return opening_ == nullptr ? "" : opening_->fault_place(reason);
}

void client_session::answer_and_close(close_reason reason) {
  relay_.abandon(protocol::reset_reason::cancelled);
  if (opening_) opening_->append_answer(reason, relay_.unsent());
  close_cleanly(reason);
}

// What is still unsent is dropped: without it the client could take what it got for the whole.
void client_session::close_with_alert(close_reason reason, std::string_view cause) {
  relay_.unsent().release();
  tls_.abort();
  close_cleanly(reason, cause);
}

void client_session::close_cleanly(close_reason reason, std::string_view cause) {
  note_reason(reason, cause);
  context_.mover.remove(*this);
  stop_waiting();
  set_phase(client_phase::closing);
  set_deadline(client_closing::timeout);
  step_closing();
}

void client_session::close_now(close_reason reason, std::string_view cause) {
  note_reason(reason, cause);
  finish_session();
}

void client_session::step_closing() {
  const bool is_client_finished =
      reason_ == close_reason::client_finished || reason_ == close_reason::backend_finished;
  switch (closing_.go_on(tls_, descriptor_, relay_.unsent(), is_client_finished)) {
    case closing_step::await_socket:
      return;
    case closing_step::await_turn:
      return context_.relays.add(*this);
    case closing_step::over:
      return finish_session();
  }
}

void client_session::finish_session() {
  if (std::exchange(is_over_, true)) return;
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
