// The gateways of the fleet, whose streams change their backend: they are handed over, or, when a
// backend dies, go on from their deposits. Stands for client_session_moves and for what tells it of
// links that have ended.
#include <string>
#include <utility>
#include <vector>

#include "tests/fencing/fleet.hpp"

namespace presenter::testing {

using gateway::handoff_step;
using phase = sim_client::phase;

// --- by the map

void fleet::on_map(sim_gateway& at) {
  at.waiters.on_map();
  for (const auto& client : clients_) {
    if (&client->at != &at) continue;
    if (client->now == phase::asked || client->goes_on()) ++seen_.moved_meanwhile;
    if (client->now == phase::stranded) look_at_stranded(*client);
    if (client->now == phase::accepted) follow_map(*client);
  }
  for (const auto& [process, is_connecting] : at.down)
    if (!is_connecting) connect(at, process);
}

void fleet::follow_map(sim_client& client) {
  after(draw_ms(0, 3'000), [this, &client] {
    const auto* owner = client.at.map->owner(client.key);
    if (client.now != phase::accepted || owner == nullptr) return;
    if (process_of(*owner) == client.process) return;
    const bool can =
        find_process(client.process)->hands_over && find_process(process_of(*owner))->hands_over;
    if (can) return hand_over(client);
    ++seen_.moved_by_gateway;
    let_go(client);
  });
}

void fleet::hand_over(sim_client& client) {
  ++seen_.asked;
  client.now = phase::asked;
  client.came_at = now_;
  client.moved = std::make_unique<gateway::stream_handoff>(gateway::move_cause::rebalanced,
                                                           client.process, room_);
  const backend_ptr backend = find_process(client.process);
  send_to(client.at, *backend,
          [this, backend, stream = client.stream] { on_handoff(*backend, stream); });
  after(handoff_deadline, [this, &client, stream = client.stream] {
    if (client.now != phase::asked || client.stream != stream) return;
    ++seen_.deadlines;
    let_go(client);
  });
}

// mux_core has compared its positions.
void fleet::on_checkpoint(sim_client& client, std::uint64_t stream, std::int64_t consumed,
                          std::int64_t unread, bool last) {
  if (client.stream != stream) return;
  if (client.now != phase::asked) {
    if (!last) client.deposit = consumed;
    return;
  }
  const std::string bytes(static_cast<std::size_t>(unread), 'x');
  protocol::checkpoint_frame frame;
  frame.consumed = consumed;
  frame.unread = bytes;
  frame.last = last;
  if (client.moved->on_checkpoint(frame) != handoff_step::held) return;
  client.stream = 0;
  client.now = phase::held;
  // The client takes the old backend's last bytes first.
  after(draw_ms(0, 50), [this, &client] {
    if (client.now == phase::held) go_on(client, client.moved->checkpoint().consumed);
  });
}

// With a state that knows of so many bytes of the client; the others that it has sent are unread.
void fleet::go_on(sim_client& client, std::int64_t from) {
  client.from = from;
  client.came_at = now_;
  begin_opening(client, gateway::open_from::backend);
}

// --- by the end of a link

// `by_peer`: the other side, or its host, has ended it; else this one has given it up.
void fleet::on_link_end(sim_gateway& at, const std::string& process, bool by_peer) {
  at.down[process] = false;
  std::vector<sim_client*> lost;
  for (const auto& client : clients_) {
    if (&client->at == &at && client->process == process && client->stream != 0)
      lost.push_back(client.get());
  }
  connect(at, process);
  for (sim_client* client : lost)
    on_link_lost(*client, by_peer);
}

void fleet::on_link_lost(sim_client& client, bool by_peer) {
  const std::uint64_t stream = std::exchange(client.stream, 0);
  if (client.now == phase::opening) {
    if (find_process(client.process)->said_goodbye) {
      client.stream = stream;
      return on_refused(client, stream, {{}, protocol::refuse_reason::shutting_down, {}, {}});
    }
    ++(client.goes_on() ? seen_.lost_meanwhile : seen_.links_lost);
    return act(client, client.retry.on_link_lost(now_, jitter_));
  }
  const bool is_exact = client.deposit == client.sent;
  if (client.now == phase::accepted && by_peer && is_exact) return strand(client);
  let_go(client);
}

// A process that has left the map is not looked for.
void fleet::connect(sim_gateway& at, const std::string& process) {
  if (!at.has_in_map(process)) return;
  at.down[process] = true;
  after(draw_ms(20, 300), [this, &at, process] {
    const backend_ptr backend = find_process(process);
    at.down[process] = false;
    if (backend->is_dead) return on_gone(at, process);
    if (!backend->is_stopped) return on_connected(at, process);
    after(milliseconds{1'000}, [this, &at, process] {
      if (at.down.contains(process) && !at.down[process]) connect(at, process);
    });
  });
}

// It lives, and may not have heard yet that its link has ended.
void fleet::on_connected(sim_gateway& at, const std::string& process) {
  at.down.erase(process);
  for (const auto& client : clients_) {
    if (&client->at != &at || client->now != phase::stranded || client->process != process)
      continue;
    ++seen_.same_instance;
    let_go(*client);
  }
  at.waiters.on_room(process, [] { return true; });
}

// Its links have ended, and its host refuses a new one: there is no such process.
void fleet::on_gone(sim_gateway& at, const std::string& process) {
  at.gone.insert(process);
  for (const auto& client : clients_) {
    if (&client->at == &at && client->now == phase::stranded) look_at_stranded(*client);
  }
  if (plan_.removes_dead && !at.is_cut_off)
    after(draw_ms(1, 30), [this, &at, process] { remove_dead(at, process); });
}

// One transaction: the entry is what it was in the gateway's map, and is deleted.
void fleet::remove_dead(const sim_gateway& at, const std::string& process) {
  const auto found = std::ranges::find(entries_, process, process_of);
  if (found == entries_.end() || at.is_cut_off) return;
  if (!find_process(process_of(*found))->is_dead)
    find("9 the entry of a living process is removed: " + process_of(*found));
  ++seen_.dead_removed;
  remove_entry(process_of(*found));
}

// --- without a backend

void fleet::strand(sim_client& client) {
  ++seen_.stranded;
  client.now = phase::stranded;
  client.lost_at = now_;
  look_at_stranded(client);
  after(settle, [this, &client] { look_at_stranded(client); });
  after(stranded_max, [this, &client, since = now_] {
    if (client.now != phase::stranded || client.lost_at != since) return;
    ++seen_.waited_in_vain;
    let_go(client);
  });
}

// It goes on as soon as its backend is known to be gone. An entry that leaves the map says so too,
// but not that this process has heard of the end of its link: it has the time of `settle` for that.
void fleet::look_at_stranded(sim_client& client) {
  if (client.now != phase::stranded) return;
  const bool has_left = !client.at.has_in_map(client.process) && now_ - client.lost_at >= settle;
  if (!has_left && !client.at.gone.contains(client.process)) return;
  ++seen_.rescued;
  go_on(client, *client.deposit);
}

}  // namespace presenter::testing
