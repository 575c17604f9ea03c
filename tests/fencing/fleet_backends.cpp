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
  if (stream <= backend.broken_up_to[&open.client->at]) return;
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
  after_at(backend, draw_ms(1, 1'500), [this, &backend, stream] { decide(backend, stream, true); });
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
  after_at(backend, ask_at - now_, [this, &backend, stream, asks = open.asks] {
    const auto still = backend.opening.find(stream);
    if (still != backend.opening.end() && still->second.asks == asks)
      decide(backend, stream, false);
  });
}

void fleet::accept(sim_backend& backend, std::uint64_t stream) {
  auto taken = backend.opening.extract(stream);
  sim_open& open = taken.mapped();
  book_.accept(stream, open.key, backend.process, backend.own.epoch(), open.routed_by, now_);
  sim_client& client = *open.client;
  if (open.from) {
    applications_.go_on(&client, stream, backend.process, *open.from);
  } else {
    applications_.begin(&client, stream, backend.process);
  }
  backend.serving.insert(std::move(taken));
  send(&backend, &client.at, [this, &client, stream] { on_accepted(client, stream); });
  take_later(backend, stream);
}

void fleet::refuse(sim_backend& backend, std::uint64_t stream, refuse_reason reason,
                   std::int32_t retry_after_ms) {
  const auto taken = backend.opening.extract(stream);
  protocol::refuse_frame refusal{{}, reason, {}, {}};
  if (reason == refuse_reason::not_owner) refusal.map_epoch = backend.own.epoch();
  if (reason == refuse_reason::busy) refusal.retry_after_ms = retry_after_ms;
  sim_client& client = *taken.mapped().client;
  send(&backend, &client.at,
       [this, &client, stream, refusal] { on_refused(client, stream, refusal); });
}

// --- a stream that is served

void fleet::on_data(sim_backend& backend, std::uint64_t stream, std::int64_t bytes) {
  const auto held = backend.opening.find(stream);
  if (held != backend.opening.end()) held->second.received += bytes;
  const auto served = backend.serving.find(stream);
  if (served == backend.serving.end()) return;
  served->second.received += bytes;
  take_later(backend, stream);
}

// Some applications let their input lie for a while.
void fleet::take_later(sim_backend& backend, std::uint64_t stream) {
  after_at(backend, draw_ms(0, draw_.one_in(4) ? 2'000 : 20),
           [this, &backend, stream] { take(backend, stream); });
}

// The application takes what there is, and leaves its state with the gateway, mostly.
void fleet::take(sim_backend& backend, std::uint64_t stream) {
  const auto found = backend.serving.find(stream);
  if (found == backend.serving.end() || backend.is_dead) return;
  sim_open& open = found->second;
  if (open.taken != open.received) applications_.take(stream, open.taken, open.received);
  open.taken = open.received;
  if (open.is_asked || draw_.one_in(4)) return;
  send(&backend, &open.client->at, [this, &client = *open.client, stream, taken = open.taken] {
    on_checkpoint(client, stream, taken, 0, false);
  });
}

void fleet::on_handoff(sim_backend& backend, std::uint64_t stream) {
  const auto found = backend.serving.find(stream);
  if (found == backend.serving.end()) return;
  found->second.is_asked = true;
  const std::size_t how = draw_.below(12);
  if (how == 0) return;  // it does not answer
  if (how == 1) return reset(backend, stream);
  after_at(backend, draw_ms(0, how == 2 ? 6'000 : 300),
           [this, &backend, stream] { give_up(backend, stream); });
}

void fleet::give_up(sim_backend& backend, std::uint64_t stream) {
  const auto found = backend.serving.find(stream);
  if (found == backend.serving.end()) return;
  ++seen_.given_up;
  const sim_open open = found->second;
  on_reset(backend, stream);
  send(&backend, &open.client->at, [this, open, stream] {
    on_checkpoint(*open.client, stream, open.taken, open.received - open.taken, true);
  });
}

void fleet::reset(sim_backend& backend, std::uint64_t stream) {
  sim_client& client = *backend.serving.at(stream).client;
  on_reset(backend, stream);
  send(&backend, &client.at, [this, &client, stream] { on_stream_reset(client, stream); });
}

// --- what ends it

void fleet::on_map(sim_backend& backend) {
  std::vector<std::uint64_t> held;
  for (const auto& [stream, open] : backend.opening) {
    if (open.is_held) held.push_back(stream);
  }
  for (const std::uint64_t stream : held)
    decide(backend, stream, false);
  if (plan_.is_strict) return sweep(backend);
  after_at(backend, draw_ms(2'000, 8'000), [this, &backend] { sweep(backend); });
}

void fleet::sweep(sim_backend& backend) {
  std::vector<std::uint64_t> lost;
  for (const auto& [stream, open] : backend.serving) {
    if (!backend.own.owns(open.key)) lost.push_back(stream);
  }
  for (const std::uint64_t stream : lost) {
    ++seen_.moved_by_backend;
    reset(backend, stream);
  }
}

void fleet::on_reset(sim_backend& backend, std::uint64_t stream) {
  backend.opening.erase(stream);
  if (backend.serving.erase(stream) == 0) return;
  book_.end(stream);
  applications_.end(stream);
}

void fleet::on_link_end(sim_backend& backend, const sim_gateway& at, std::uint64_t up_to) {
  std::uint64_t& broken = backend.broken_up_to[&at];
  broken = std::max(broken, up_to);
  std::vector<std::uint64_t> lost;
  for (const auto* streams : {&backend.opening, &backend.serving}) {
    for (const auto& [stream, open] : *streams)
      if (&open.client->at == &at && stream <= up_to) lost.push_back(stream);
  }
  for (const std::uint64_t stream : lost)
    on_reset(backend, stream);
}

// `in_order`: it says goodbye, by which it refuses what it has not accepted.
void fleet::die(sim_backend& backend, bool in_order) {
  if (std::exchange(backend.is_dead, true)) return;
  backend.said_goodbye = in_order && !std::exchange(backend.is_stopped, false);
  backend.missed.clear();
  while (backend.said_goodbye && !backend.opening.empty())
    refuse(backend, backend.opening.begin()->first, refuse_reason::shutting_down);
  for (const auto& at : gateways_) {
    on_link_end(backend, *at, streams_);
    send(&backend, at.get(),
         [this, &at = *at, process = backend.process] { on_link_end(at, process, true); });
  }
}

}  // namespace presenter::testing
