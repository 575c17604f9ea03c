// The backends of the fleet: what an acceptor does with its fence (protocol/backend_sdk), without
// links.
#include <utility>
#include <vector>

#include "tests/fencing/fleet.hpp"

namespace presenter::testing {

using protocol::refuse_reason;
using shard_router::owner_verdict;

void fleet::on_open(sim_backend& backend, std::uint64_t stream, sim_open open) {
  if (backend.is_dead) return;  // its link has gone, as the client hears
  backend.opening.emplace(stream, std::move(open));
  if (backend.is_leaving) return refuse(backend, stream, refuse_reason::shutting_down);
  if (draw_.one_in(25)) {
    const auto asked = static_cast<std::int32_t>(draw_.below(600));
    return refuse(backend, stream, refuse_reason::busy, asked);
  }
  decide(backend, stream, false);
}

// Asked when the Open comes, when a map or its time has come, and when the application takes it.
void fleet::decide(sim_backend& backend, std::uint64_t stream, bool is_accepting) {
  const auto found = backend.opening.find(stream);
  if (found == backend.opening.end() || backend.is_dead) return;
  sim_open& open = found->second;
  open.is_held = false;
  ++open.asks;
  const auto answer = backend.own.ask(open.key, open.map_epoch, now_);
  switch (answer.verdict) {
    case owner_verdict::not_own:
      if (is_accepting) ++seen_.lost_at_accept;
      return refuse(backend, stream, refuse_reason::not_owner);
    case owner_verdict::wait:
      return hold(backend, stream, answer);
    case owner_verdict::own:
      break;
  }
  if (is_accepting || !draw_.one_in(4)) return accept(backend, stream);
  after(draw_ms(1, 1'500), [this, &backend, stream] { decide(backend, stream, true); });
}

void fleet::hold(sim_backend& backend, std::uint64_t stream,
                 const shard_router::owner_answer& answer) {
  sim_open& open = backend.opening.at(stream);
  if (open.hold_until == sim_time{}) {
    open.hold_until = now_ + hold_timeout;
    ++(answer.again_at ? seen_.held_settling : seen_.held_older);
  }
  if (now_ >= open.hold_until) {
    ++seen_.held_too_long;
    return refuse(backend, stream, refuse_reason::busy, 1'000);
  }
  open.is_held = true;
  const auto ask_at = std::min(answer.again_at.value_or(open.hold_until), open.hold_until);
  after(ask_at - now_, [this, &backend, stream, asks = open.asks] {
    const auto still = backend.opening.find(stream);
    if (still != backend.opening.end() && still->second.asks == asks)
      decide(backend, stream, false);
  });
}

void fleet::accept(sim_backend& backend, std::uint64_t stream) {
  auto taken = backend.opening.extract(stream);
  sim_open& open = taken.mapped();
  book_.accept(stream, open.key, backend.process, backend.own.epoch(), open.map_epoch, now_);
  sim_client& client = *open.client;
  backend.serving.insert(std::move(taken));
  send(&backend, &client.at, [this, &client, stream] { on_accepted(client, stream); });
}

void fleet::refuse(sim_backend& backend, std::uint64_t stream, refuse_reason reason,
                   std::int32_t retry_after_ms) {
  const auto taken = backend.opening.extract(stream);
  protocol::refuse_frame refusal{protocol::stream_id{1}, reason, {}, {}};
  if (reason == refuse_reason::not_owner) refusal.map_epoch = backend.own.epoch();
  if (reason == refuse_reason::busy) refusal.retry_after_ms = retry_after_ms;
  sim_client& client = *taken.mapped().client;
  send(&backend, &client.at,
       [this, &client, stream, refusal] { on_refused(client, stream, refusal); });
}

void fleet::on_map(sim_backend& backend) {
  std::vector<std::uint64_t> held;
  for (const auto& [stream, open] : backend.opening) {
    if (open.is_held) held.push_back(stream);
  }
  for (const std::uint64_t stream : held)
    decide(backend, stream, false);
  if (plan_.is_strict) return sweep(backend);
  after(draw_ms(2'000, 8'000), [this, &backend] { sweep(backend); });
}

void fleet::sweep(sim_backend& backend) {
  std::vector<std::uint64_t> lost;
  for (const auto& [stream, open] : backend.serving) {
    if (!backend.own.owns(open.key)) lost.push_back(stream);
  }
  for (const std::uint64_t stream : lost) {
    ++seen_.moved_by_backend;
    sim_client& client = *backend.serving.at(stream).client;
    on_reset(backend, stream);
    send(&backend, &client.at, [this, &client, stream] { on_stream_lost(client, stream); });
  }
}

void fleet::on_reset(sim_backend& backend, std::uint64_t stream) {
  backend.opening.erase(stream);
  if (backend.serving.erase(stream) != 0) book_.end(stream);
}

void fleet::die(sim_backend& backend) {
  if (std::exchange(backend.is_dead, true)) return;
  for (const auto& [stream, open] : backend.serving)
    book_.end(stream);
  backend.serving.clear();
  backend.opening.clear();
  for (const auto& client : clients_) {
    if (client->stream == 0 || client->process != backend.process) continue;
    send(&backend, &client->at,
         [this, &client = *client, stream = client->stream] { on_stream_lost(client, stream); });
  }
}

}  // namespace presenter::testing
