// The gateways of the fleet: what a client_session does while its stream is opened, without TLS and
// links, and what moves it when the map changes.
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
  client.retry = gateway::open_retry(now_ + opening_timeout);
  after(opening_timeout, [this, &client] {
    if (client.now == phase::opening && client.stream != 0)
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
  if (backend->is_dead)
    return act(client, client.retry.on_no_link(close_reason::backend_unreachable));
  ++seen_.opens;
  if (map->epoch() < client.told) find("2 routed by an older map than the one it was refused by");
  if (++client.opens > gateway::open_retry::opens_max) find("6 Opens without end");
  client.retry.on_opened(map->epoch());
  client.stream = ++streams_;
  const sim_open open{&client, client.key, map->epoch()};
  send(&client.at, backend.get(),
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
  if (refusal.reason == protocol::refuse_reason::not_owner) ++seen_.not_owner;
  if (refusal.reason == protocol::refuse_reason::busy) ++seen_.busy;
  if (refusal.reason == protocol::refuse_reason::shutting_down) ++seen_.shutting_down;
  client.told = std::max(client.told, refusal.map_epoch.value_or(0));
  act(client, client.retry.on_refused(refusal, client.at.epoch(), now_, jitter_));
}

void fleet::on_accepted(sim_client& client, std::uint64_t stream) {
  if (client.stream != stream) return;
  ++seen_.accepted;
  client.now = phase::accepted;
  client.was_accepted = true;
  after(draw_ms(10, 15'000), [this, &client] { let_go(client); });
}

// Its link has broken, or the backend has moved it.
void fleet::on_stream_lost(sim_client& client, std::uint64_t stream) {
  if (client.stream != stream) return;
  client.stream = 0;
  if (client.now == phase::accepted) {
    client.now = phase::over;
    return;
  }
  ++seen_.links_lost;
  act(client, client.retry.on_link_lost(now_, jitter_));
}

void fleet::on_map(sim_gateway& at) {
  at.waiters.on_map();
  for (const auto& client : clients_) {
    if (&client->at != &at || client->now != phase::accepted) continue;
    after(draw_ms(0, 3'000), [this, &client = *client] {
      const auto* owner = client.at.map->owner(client.key);
      if (client.now != phase::accepted || owner == nullptr) return;
      if (process_of(*owner) == client.process) return;
      ++seen_.moved_by_gateway;
      let_go(client);
    });
  }
}

void fleet::let_go(sim_client& client) {
  client.now = phase::over;
  const std::uint64_t stream = std::exchange(client.stream, 0);
  if (stream == 0) return;
  const backend_ptr backend = find_process(client.process);
  send(&client.at, backend.get(), [this, backend, stream] { on_reset(*backend, stream); });
}

void fleet::close(sim_client& client, close_reason why) {
  ++seen_.closed;
  client.stop_waiting();
  let_go(client);
  // In a calm fleet nobody is refused, but for a key whose owner changes all the time.
  if (plan_.is_calm && book_.changes(client.key, client.came_at) <= 2)
    find("5 a client was closed: " + std::string(name_of(why)));
}

}  // namespace presenter::testing
