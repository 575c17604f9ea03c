// The gateways of the fleet: what a client_session does while its stream is opened and served,
// without TLS and links.
#include <algorithm>
#include <utility>

#include "tests/fencing/fleet.hpp"

namespace presenter::testing {

using gateway::close_reason;
using gateway::open_step;
using phase = sim_client::phase;

void sim_client::on_upstream_changed() {
  fleet_.wake(*this, true);
}

void fleet::come(sim_client& client) {
  ++seen_.clients;
  client.came_at = now_;
  begin_opening(client, gateway::open_from::client);
}

void fleet::begin_opening(sim_client& client, gateway::open_from from) {
  client.now = phase::opening;
  client.opens = 0;
  client.told = 0;
  client.retry = gateway::open_retry(now_ + opening_timeout, from);
  after(opening_timeout, [this, &client, until = client.retry.deadline()] {
    if (client.now == phase::opening && client.stream != 0 && client.retry.deadline() == until)
      close(client, close_reason::open_timeout);
  });
  open(client);
}

void fleet::open(sim_client& client) {
  const shard_router::shard_map_ptr map = client.at.map;
  const auto* owner = map == nullptr ? nullptr : map->owner(client.key);
  client.process = owner == nullptr ? "" : process_of(*owner);
  if (owner == nullptr) return act(client, client.retry.on_no_link(close_reason::no_shard));
  const backend_ptr backend = find_process(client.process);
  if (client.at.down.contains(client.process))
    return act(client, client.retry.on_no_link(close_reason::backend_unreachable));
  if (client.goes_on() && !backend->hands_over) return let_go(client);
  ++seen_.opens;
  if (map->epoch() < client.told) find("2 routed by an older map than the one it was refused by");
  if (++client.opens > gateway::open_retry::opens_max) find("6 Opens without end");
  client.retry.on_opened(map->epoch());
  client.stream = ++streams_;
  sim_open open{&client, client.key, map->epoch(), map->epoch(), client.from};
  open.taken = client.from.value_or(0);
  open.received = client.sent = client.goes_on() ? client.sent : packet_bytes;
  send_to(client.at, *backend,
          [this, backend, open, stream = client.stream] { on_open(*backend, stream, open); });
}

void fleet::act(sim_client& client, open_step step) {
  gateway::open_waiters& waiters = client.at.waiters;
  switch (step) {
    case open_step::open:
      return open(client);
    case open_step::give_up:
      return close(client, client.retry.reason());
    case open_step::wait_for_map:
      ++seen_.waits_for_map;
      return wait(client, waiters.wait_for_map(client));
    case open_step::wait_for_change:
      ++seen_.waits_for_change;
      return wait(client, waiters.wait_for_room(client, client.process));
    case open_step::wait_for_time:
      ++seen_.waits_for_time;
      return wait(client, waiters.wait_for_time(client));
  }
}

void fleet::wait(sim_client& client, bool has_place) {
  if (!has_place) return close(client, close_reason::openings_exceeded);
  after(client.retry.wake_at() - now_, [this, &client, waits = ++client.waits] {
    if (client.waits == waits) wake(client, false);
  });
}

void fleet::wake(sim_client& client, bool changed) {
  client.stop_waiting();
  ++client.waits;
  if (client.now != phase::opening || client.stream != 0) return;
  act(client, client.retry.on_woken(changed, client.at.epoch(), now_));
}

void fleet::on_refused(sim_client& client, std::uint64_t stream,
                       const protocol::refuse_frame& refusal) {
  if (client.stream != stream) return;
  client.stream = 0;
  if (client.goes_on()) ++seen_.refused_again;
  if (refusal.reason == protocol::refuse_reason::not_owner) ++seen_.not_owner;
  if (refusal.reason == protocol::refuse_reason::busy) ++seen_.busy;
  if (refusal.reason == protocol::refuse_reason::shutting_down) ++seen_.shutting_down;
  client.told = std::max(client.told, refusal.map_epoch.value_or(0));
  act(client, client.retry.on_refused(refusal, client.at.epoch(), now_, jitter_));
}

void fleet::on_accepted(sim_client& client, std::uint64_t stream) {
  if (client.stream != stream) return;
  ++seen_.accepted;
  if (client.goes_on()) ++seen_.went_on;
  client.now = phase::accepted;
  client.from.reset();
  client.moved.reset();
  client.deposit.reset();
  if (!std::exchange(client.was_accepted, true)) {
    after(draw_ms(10, 15'000), [this, &client] { let_go(client); });
    for (std::size_t times = draw_.below(5); times > 0; --times)
      after(draw_ms(1, 12'000), [this, &client] { write(client); });
  }
  forward(client);
  follow_map(client);
}

// What the client sends waits in its socket, unless its stream is relayed.
void fleet::write(sim_client& client) {
  client.input += 1;
  if (client.now == phase::accepted) forward(client);
}

void fleet::forward(sim_client& client) {
  const std::int64_t bytes = client.input - std::exchange(client.sent, client.input);
  if (bytes == 0) return;
  const backend_ptr backend = find_process(client.process);
  send_to(client.at, *backend,
          [this, backend, bytes, stream = client.stream] { on_data(*backend, stream, bytes); });
}

// The backend has reset it: it moves, or does not want to be asked.
void fleet::on_stream_reset(sim_client& client, std::uint64_t stream) {
  if (client.stream != stream) return;
  if (client.now == phase::asked) ++seen_.declined;
  client.stream = 0;
  let_go(client);
}

void fleet::let_go(sim_client& client) {
  client.now = phase::over;
  client.moved.reset();
  client.stop_waiting();
  ++client.waits;
  const std::uint64_t stream = std::exchange(client.stream, 0);
  if (stream == 0) return;
  const backend_ptr backend = find_process(client.process);
  send_to(client.at, *backend, [this, backend, stream] { on_reset(*backend, stream); });
}

void fleet::close(sim_client& client, close_reason why) {
  ++seen_.closed;
  let_go(client);
  // In a calm fleet nobody is refused, but for a key whose owner changes all the time.
  if (plan_.is_calm && book_.changes(client.key, client.came_at) <= 2)
    find("5 a client was closed: " + std::string(name_of(why)));
}

}  // namespace presenter::testing
