// How a worker stands still, what it hands over, and how the worker of another process goes on
// with it. See: gateway/upgrade/README.md.
#include <boost/system/system_error.hpp>
#include <new>
#include <stdexcept>
#include <utility>

#include "gateway/worker/worker.hpp"

namespace presenter::gateway {
namespace {

// For those who are on their way when a worker is to stand still.
constexpr std::chrono::milliseconds last_steps{50};

}  // namespace

// --- the worker that may be replaced

void worker::post_rest_moves() {
  post([this] { mover_.set_resting(true); });
}

void worker::post_settle() {
  post([this] {
    mover_.set_resting(true);
    listener_.hold();
  });
}

void worker::post_freeze(frozen_handler frozen, duration patience) {
  gate_.ask();
  const auto now = std::chrono::steady_clock::now();
  const freeze_times times{.settled = now + last_steps, .over = now + patience};
  post([this, frozen = std::move(frozen), times] { freeze_when_settled(frozen, times); });
}

// Somebody may have been accepted since it was looked whether all is settled, or have sent the rest
// of a first packet: they are through in a moment, and then nobody has to be left behind. Everybody
// else is served meanwhile.
void worker::freeze_when_settled(const frozen_handler& frozen, freeze_times times) {
  const auto& open = metrics_.clients_open;
  const bool is_settled =
      open[client_phase::handshake].value() == 0 && open[client_phase::opening].value() == 0;
  if (!is_settled && std::chrono::steady_clock::now() < times.settled) {
    try {
      return post([this, frozen, times] { freeze_when_settled(frozen, times); });
    } catch (const std::bad_alloc&) {
      // There is no memory to wait with.
    }
  }
  freeze(frozen, times.over);
}

bool worker::hold_still() {
  return gate_.hold();
}

void worker::thaw() {
  gate_.thaw();
  post([this] {
    mover_.set_resting(false);
    listener_.let_in();
    wait_move();
  });
}

void worker::let_go() {
  gate_.let_go();
}

void worker::freeze(const frozen_handler& frozen, steady_time until) {
  own_thread_.assert_on_worker();
  if (!gate_.enter()) return;
  try {
    try {
      frozen(state());
    } catch (const std::bad_alloc&) {
      frozen(boost::system::errc::make_error_code(boost::system::errc::not_enough_memory));
    } catch (const std::length_error&) {
      frozen(boost::system::errc::make_error_code(boost::system::errc::value_too_large));
    }
  } catch (const std::bad_alloc&) {
    // Who waits for it is not told, and takes it back in time.
  }
  if (gate_.wait(until) == freeze_gate::verdict::let_go) leave_behind();
}

// What the sockets take leaves first. Nothing else changes: this worker may have to go on.
worker_state worker::state() {
  { const protocol::output_batch::scope sends(output_); }
  bury();
  worker_state state;
  state.listener = listener_.descriptor();
  state.tag_stem = context_.tag_stem;
  state.sessions_begun = context_.sessions_begun;
  state.upstream = upstream_.freeze();
  state.counters = values_of(metrics_);  // after the links have counted what passed on them
  freezing_tables tables(upstream_);
  state.clients.reserve(clients_.size());
  clients_.visit_all([&](client_session& client) {
    if (client.can_go_along()) {
      state.clients.push_back(client.freeze(tables));
    } else {
      ++state.left_behind;
    }
  });
  state.tables = tables.take();
  return state;
}

// Everything that is shared is the other process's by now: this thread touches nothing of it, and
// ends with its process.
void worker::leave_behind() {
  clients_.visit_all([](client_session& client) {
    if (!client.can_go_along()) client.say_farewell();
  });
  gate_.wait_for_ever();
}

// --- the worker that goes on

worker::worker(const worker_setup& setup, listening_socket socket, worker_state adopted)
    : worker(setup, std::move(socket)) {
  context_.tag_stem = std::move(adopted.tag_stem);
  context_.sessions_begun = adopted.sessions_begun;
  add_values(metrics_, adopted.counters);
  metrics_.closes[close_reason::upgraded].add(adopted.left_behind);
  upstream_.adopt(std::move(adopted.upstream));
  for (client_state& each : adopted.clients) {
    client_session& client = clients_.make(context_, each);
    if (const auto error = client.adopt(std::move(each), adopted.tables))
      throw boost::system::system_error(error, "a client");
  }
}

// Its first edges tell what has come meanwhile.
void worker::resume_adopted() {
  const protocol::output_batch::scope scope(output_);
  upstream_.serve_adopted();
  clients_.visit_all([](client_session& client) { client.resume(); });
}

}  // namespace presenter::gateway
