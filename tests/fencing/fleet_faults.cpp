// What goes wrong in the fleet: processes die or stand still, links break, and some are cut off
// from ZooKeeper.
#include <algorithm>
#include <utility>

#include "tests/fencing/fleet.hpp"

namespace presenter::testing {

using shard_router::backend_entry;

void fleet::go_wrong(std::size_t index) {
  const bool may_lose_one = backends_up() > 1;
  switch (draw_.below(4)) {
    case 0:
      return may_lose_one ? crash(index) : cut_off();
    case 1:
      return cut_off();
    case 2:
      return break_link();
    default:
      return stop(find_process(process_of(entries_[index])));
  }
}

// Its entry goes with its session, unless a gateway, or its successor, is faster.
void fleet::crash(std::size_t index) {
  ++seen_.crashes;
  const backend_entry entry = entries_[index];
  const std::string process = process_of(entry);
  die(*find_process(process), false);
  after(draw_ms(1'000, 4'000), [this, process] { remove_entry(process); });
  if (!draw_.one_in(3)) return;
  after(draw_ms(20, 600), [this, entry] {
    ++seen_.restarted;
    remove_entry(process_of(entry));
    if (std::ranges::find(entries_, entry.name, &backend_entry::name) == entries_.end())
      start_server(entry.name);
  });
}

void fleet::cut_off() {
  ++seen_.cut_off;
  const milliseconds time = draw_ms(500, 12'000);
  const std::size_t who = draw_.below(gateways_.size() + processes_.size());
  if (who >= gateways_.size()) return cut_off_backend(processes_[who - gateways_.size()], time);
  sim_gateway& lost = *gateways_[who];
  lost.is_cut_off = true;
  after(time, [this, &lost] {
    lost.is_cut_off = false;
    deliver(lost, map_);
  });
}

void fleet::cut_off_backend(const backend_ptr& backend, milliseconds time) {
  if (backend->is_dead || backend->is_cut_off || backend->is_stopped) return;
  const auto registered = std::ranges::find(entries_, backend->process, process_of);
  if (registered == entries_.end()) return;
  const backend_entry entry = *registered;
  backend->is_cut_off = true;
  // Its session expires; who else is up has its keys then.
  if (backends_up() > 1) {
    after(milliseconds{3'000}, [this, backend] {
      if (backend->is_cut_off && backends_up() > 1) remove_entry(backend->process);
    });
  }
  after(time, [this, backend, entry] {
    backend->is_cut_off = false;
    if (!backend->is_dead) register_again(entry);
    deliver(*backend, map_);
  });
}

// By something in between, which tells both ends; the process goes on. If it stood still as well,
// for as long as its session lasts, it could not be told from a dead one: README.md.
void fleet::break_link() {
  sim_gateway& at = *gateways_[draw_.below(gateways_.size())];
  const backend_ptr backend = processes_[draw_.below(processes_.size())];
  if (backend->is_dead || backend->is_stopped || at.down.contains(backend->process)) return;
  ++seen_.resets;
  after(draw_ms(0, 200),
        [this, backend, &at, up_to = streams_] { on_link_end(*backend, at, up_to); });
  on_link_end(at, backend->process, true);
}

// Neither its links nor its session hear anything of it, and to whoever connects it is as silent.
void fleet::stop(const backend_ptr& backend) {
  if (backend->is_dead || backend->is_stopped || backend->is_cut_off) return;
  ++seen_.stopped;
  backend->is_stopped = true;
  const milliseconds time = draw_ms(500, draw_.one_in(2) ? 8'000 : 40'000);
  const backend_entry entry = *std::ranges::find(entries_, backend->process, process_of);
  if (backends_up() > 1) {
    after(draw_ms(4'000, 6'000), [this, backend] {
      if (backend->is_stopped && backends_up() > 1) remove_entry(backend->process);
    });
  }
  if (time > plan_.dead_after) {
    for (const auto& at : gateways_) {
      after(plan_.dead_after + draw_ms(0, 100), [this, backend, &at = *at] {
        if (!backend->is_stopped || at.down.contains(backend->process)) return;
        ++seen_.silences;
        send_to(at, *backend,
                [this, backend, &at, up_to = streams_] { on_link_end(*backend, at, up_to); });
        on_link_end(at, backend->process, false);
      });
    }
  }
  after(time, [this, backend, entry] {
    wake(backend);
    if (!backend->is_dead) register_again(entry);
  });
}

// It hears what it missed, and does not know how long that was. All of it at once: what arrives at
// this very moment was sent later.
void fleet::wake(const backend_ptr& backend) {
  backend->is_stopped = false;
  for (const task& what : std::exchange(backend->missed, {}))
    what();
}

}  // namespace presenter::testing
