// A client that goes on in another process: what is frozen of it, and how it is taken up again.
// See: gateway/upgrade/README.md.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/client/client_reasons.hpp"
#include "gateway/client/client_session.hpp"

namespace presenter::gateway {
namespace {

// No session was ever like that.
const boost::system::error_code impossible = make_error_code(boost::system::errc::bad_message);

}  // namespace

// --- freezing

bool client_session::can_go_along() const {
  if (!tls_.is_detached() || is_over_) return false;
  return phase_ == client_phase::first_packet || phase_ == client_phase::relaying ||
         phase_ == client_phase::stranded || phase_ == client_phase::closing;
}

client_state client_session::freeze(freezing_tables& tables) const {
  client_state state;
  state.descriptor = descriptor_;
  state.peer = peer_;
  state.number = number_;
  state.accepted_at = accepted_at_;
  state.idle_since = idle_.since();
  state.handshake_took = handshake_took_;
  state.opening_took = opening_took_;
  state.phase = phase_;
  state.deadline = deadline();
  state.expects_progress = expects_progress_;
  state.has_turn = turn_node::is_linked();
  state.has_reason = has_reason_;
  state.reason = reason_;
  state.is_close_notify_sent = closing_.is_close_notify_sent();
  state.is_fin_sent = closing_.is_fin_sent();
  state.tls = tls_.freeze();
  if (phase_ == client_phase::first_packet) {
    state.packet.append(opening_->packet());
    state.facts = tables.place_of(opening_->tls_facts());
  }
  state.ring_hash = ring_hash();
  if (const auto backend = backend_ptr()) state.backend = tables.place_of(backend);
  if (opened_ != nullptr) {
    state.opened = opened_state{opened_->key(), tables.place_of(opened_->tls()), {}};
    if (const deposit* kept = opened_->deposited())
      state.opened->deposited =
          deposit_values{kept->consumed, kept->produced, std::string(kept->state())};
  }
  if (relay_.is_started())
    state.stream = stream_place{tables.link_index(*relay_.link()), relay_.stream()};
  state.relay = relay_.freeze();
  return state;
}

void client_session::say_farewell() {
  note_reason(close_reason::upgraded);
  if (tls_.is_detached() || tls_.has_begun()) tls_.finish();
  ::shutdown(descriptor_, SHUT_WR);
}

// --- going on

client_session::client_session(client_context& context, const client_state& state)
    : context_(context),
      descriptor_(state.descriptor),
      peer_(state.peer),
      number_(state.number),
      accepted_at_(state.accepted_at),
      idle_(state.idle_since),
      phase_(state.phase),
      closing_(state.is_close_notify_sent, state.is_fin_sent),
      handshake_took_(state.handshake_took),
      opening_took_(state.opening_took),
      tls_(context.tls, descriptor_, context.io),
      relay_(context.relaying, *this) {
  context_.metrics.clients_open[phase_].add();
}

boost::system::error_code client_session::adopt(client_state state, const client_tables& tables) {
  context_.thread.assert_on_worker();
  if (const auto error = tls_.adopt(std::move(state.tls))) return error;
  has_reason_ = state.has_reason;
  reason_ = state.reason;
  expects_progress_ = state.expects_progress;
  if (state.deadline) context_.deadlines.set_deadline(*this, *state.deadline);
  const auto error = phase_ == client_phase::first_packet ? adopt_packet(state, tables)
                                                          : adopt_stream(state, tables);
  if (error) return error;
  if (state.has_turn)
    (phase_ == client_phase::first_packet ? context_.handshakes : context_.relays).add(*this);
  return {};
}

// As if its bytes came now: they did not make it whole before, and do not now.
boost::system::error_code client_session::adopt_packet(const client_state& state,
                                                       const client_tables& tables) {
  if (state.facts >= tables.facts.size()) return impossible;
  opening_ = std::make_unique<client_opening>(
      context_.settings.auth, context_.settings.upstream.opening_timeout, address_claim{});
  opening_->set_tls_facts(tables.facts[state.facts]);
  opening_->on_handshake_ended(moment());
  auto bytes = state.packet.bytes();
  while (!bytes.empty()) {
    const auto into = opening_->wanted();
    const std::size_t n = std::min(into.size(), bytes.size());
    if (n == 0) return impossible;
    std::memcpy(into.data(), bytes.data(), n);
    bytes = bytes.subspan(n);
    if (opening_->on_packet_bytes(n, context_.deadlines.now()) != opening_step::read)
      return impossible;
  }
  return {};
}

boost::system::error_code client_session::adopt_stream(client_state& state,
                                                       const client_tables& tables) {
  set_ring_hash(state.ring_hash);
  if (state.backend) {
    if (*state.backend >= tables.backends.size()) return impossible;
    set_backend(tables.backends[*state.backend]);
  }
  if (state.opened) {
    if (state.opened->facts >= tables.facts.size()) return impossible;
    opened_ = context_.opened.keep(state.opened->key, tables.facts[state.opened->facts]);
    if (const auto& kept = state.opened->deposited) {
      protocol::checkpoint_frame from;
      from.consumed = kept->consumed;
      from.produced = kept->produced;
      from.state = kept->state;
      context_.opened.keep_deposit(*opened_, from);
    }
  }
  std::shared_ptr<protocol::mux_core> link;
  if (state.stream) link = context_.upstream.adopted_link(state.stream->link);
  const bool is_served = phase_ == client_phase::relaying;
  if (is_served != state.stream.has_value() || is_served != (link != nullptr) ||
      (is_served && backend() == nullptr))
    return impossible;
  if (!relay_.adopt(std::move(state.relay), std::move(link),
                    state.stream ? state.stream->stream : protocol::stream_id{}))
    return impossible;
  if (is_served) context_.mover.add(*this, std::chrono::steady_clock::now());
  if (phase_ == client_phase::stranded)
    context_.mover.strand(*this, cause_of_stranding(reason_), std::chrono::steady_clock::now());
  return {};
}

void client_session::resume() {
  context_.thread.assert_on_worker();
  begin_polling();
}

}  // namespace presenter::gateway
