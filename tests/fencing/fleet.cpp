#include "tests/fencing/fleet.hpp"

#include <algorithm>
#include <utility>

namespace presenter::testing {

using shard_router::backend_entry;
using shard_router::backend_state;

namespace {

constexpr std::size_t keys_max = 12;
constexpr std::size_t events_max = 200'000;

std::vector<std::string> some_keys(dice& draw) {
  std::vector<std::string> keys;
  const std::size_t first = draw.below(100'000);
  for (std::size_t i = 0; i < keys_max; ++i)
    keys.push_back("couple-" + std::to_string(first + i));
  return keys;
}

milliseconds drawn(dice& draw, std::size_t least, std::size_t most) {
  return milliseconds(draw.between(least, most));
}

}  // namespace

fleet_plan::fleet_plan(dice& draw)
    : is_calm(!draw.one_in(3)),
      is_strict(draw.one_in(2)),
      removes_dead(draw.one_in(2)),
      spread_max(drawn(draw, 1, static_cast<std::size_t>(settle.count()) - 1)),
      gap_max(drawn(draw, 100, 6'000)),
      dead_after(draw.one_in(2) ? milliseconds{20'000} : drawn(draw, 1'000, 5'000)),
      gateways(draw.between(1, 4)),
      servers(draw.between(1, 5)),
      changes(draw.between(1, 12)),
      clients(draw.between(10, 60)) {}

bool sim_gateway::has_in_map(const std::string& process) const {
  if (map == nullptr) return false;
  return std::ranges::any_of(map->backends(), [&](const shard_router::backend_entry& entry) {
    return process_of(entry) == process;
  });
}

fleet::fleet(std::uint64_t seed, fencing_coverage& seen)
    : draw_(seed),
      plan_(draw_),
      keys_(some_keys(draw_)),
      seen_(seen),
      book_(keys_, {settle, plan_.is_calm, plan_.is_strict}),
      jitter_(static_cast<std::uint32_t>(draw_.next())) {}

fleet::~fleet() = default;

bool fleet::run() {
  for (std::size_t i = 0; i < plan_.gateways; ++i)
    gateways_.push_back(std::make_unique<sim_gateway>());
  for (std::size_t i = 0; i < plan_.servers; ++i)
    start_server("chat-" + std::to_string(names_++));
  milliseconds at{0};
  for (std::size_t i = 0; i < plan_.changes; ++i) {
    at += draw_ms(1, static_cast<std::size_t>(plan_.gap_max.count()));
    after(at, [this] { change_membership(); });
  }
  const auto end = static_cast<std::size_t>(at.count()) + 3'000;
  for (std::size_t i = 0; i < plan_.clients; ++i) {
    auto& where = *gateways_[draw_.below(gateways_.size())];
    const auto& key = keys_[draw_.below(keys_.size())];
    clients_.push_back(std::make_unique<sim_client>(*this, where, key));
    after(draw_ms(0, end), [this, &client = *clients_.back()] { come(client); });
  }
  std::size_t events = 0;
  while (!events_.empty() && finding_.empty()) {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    next.mapped()();
    if (finding_.empty()) finding_ = book_.finding();
    if (finding_.empty()) finding_ = applications_.finding();
    if (++events > events_max) find("6 it does not come to an end");
  }
  if (finding_.empty()) look_at_the_end();
  ++seen_.schedules;
  seen_.events += events;
  seen_.overlaps += book_.overlaps();
  seen_.excused += book_.excused();
  return finding_.empty();
}

// --- time and wire

milliseconds fleet::draw_ms(std::size_t least, std::size_t most) {
  return drawn(draw_, least, most);
}

void fleet::after(std::chrono::steady_clock::duration delay, task what) {
  events_.emplace(std::pair{now_ + std::max(delay, delay.zero()), ++event_number_},
                  std::move(what));
}

void fleet::send(const void* from, const void* to, task what) {
  sim_time& last = last_arrival_[{from, to}];
  last = std::max(last, now_ + draw_ms(0, draw_.one_in(10) ? 200 : 10));
  after(last - now_, std::move(what));
}

void fleet::after_at(sim_backend& backend, std::chrono::steady_clock::duration delay, task what) {
  after(delay, [&backend, what = std::move(what)] { backend.run(what); });
}

void fleet::send_to(sim_gateway& from, sim_backend& backend, task what) {
  send(&from, &backend, [&backend, what = std::move(what)] { backend.run(what); });
}

void fleet::find(const std::string& what) {
  if (finding_.empty()) finding_ = what;
}

// --- membership

std::size_t fleet::backends_up() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [this](const backend_entry& entry) {
        return entry.state == backend_state::up && !find_process(process_of(entry))->is_dead;
      }));
}

void fleet::change_membership() {
  if (entries_.empty()) return start_server("chat-" + std::to_string(names_++));
  const std::size_t index = draw_.below(entries_.size());
  backend_entry& entry = entries_[index];
  const bool may_lose_one = backends_up() > 1 && !find_process(process_of(entry))->is_stopped;
  switch (draw_.below(plan_.is_calm ? 6 : 10)) {
    case 0:
    case 1:
      return start_server("chat-" + std::to_string(names_++));
    case 2:
      return may_lose_one ? leave(index) : start_server("chat-" + std::to_string(names_++));
    case 3:
      entry.weight = static_cast<std::int64_t>(draw_.between(1, 4));
      return publish();
    case 4:
      if (entry.state == backend_state::up && !may_lose_one) return;
      entry.state = entry.state == backend_state::up ? backend_state::draining : backend_state::up;
      return publish();
    case 5:
      return replace(index);
    default:
      return go_wrong(index);
  }
}

void fleet::start_server(const std::string& name) {
  backend_entry entry;
  entry.name = name;
  entry.host = "127.0.0.1";
  entry.port = 7000;
  entry.weight = static_cast<std::int64_t>(draw_.between(1, 3));
  entry.instance = std::to_string(++instances_);
  processes_.push_back(std::make_shared<sim_backend>(entry, !draw_.one_in(8)));
  entries_.push_back(std::move(entry));
  publish();
}

// A process that is not in the map any more ends after a while.
void fleet::end_process(const std::string& process) {
  after(draw_ms(500, 6'000), [this, process] { die(*find_process(process), true); });
}

void fleet::leave(std::size_t index) {
  const std::string process = process_of(entries_[index]);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
  publish();
  // It refuses what still comes; before, it must know that it is out.
  after(draw_ms(1, 100), [this, process] { find_process(process)->is_leaving = true; });
  end_process(process);
}

// The name has a new process; the old one does not know yet.
void fleet::replace(std::size_t index) {
  ++seen_.replaced;
  backend_entry& entry = entries_[index];
  const std::string old = process_of(entry);
  entry.instance = std::to_string(++instances_);
  processes_.push_back(std::make_shared<sim_backend>(entry, !draw_.one_in(8)));
  publish();
  end_process(old);
}

void fleet::remove_entry(const std::string& process) {
  const auto gone = std::erase_if(
      entries_, [&](const backend_entry& entry) { return process_of(entry) == process; });
  if (gone != 0) publish();
}

// Unless another process has the name by now.
void fleet::register_again(const backend_entry& entry) {
  if (std::ranges::find(entries_, entry.name, &backend_entry::name) != entries_.end()) return;
  entries_.push_back(entry);
  publish();
}

void fleet::publish() {
  ++seen_.maps;
  epoch_ += static_cast<std::int64_t>(draw_.between(1, 3));
  map_ = std::make_shared<const shard_router::shard_map>(epoch_, entries_);
  book_.publish(map_, now_);
  const auto spread = [this] {
    return draw_ms(0, static_cast<std::size_t>(plan_.spread_max.count()));
  };
  for (const auto& to : gateways_)
    after(spread(), [this, &to = *to, map = map_] { deliver(to, map); });
  for (const auto& to : processes_)
    after_at(*to, spread(), [this, to, map = map_] { deliver(*to, map); });
}

void fleet::deliver(sim_gateway& to, const shard_router::shard_map_ptr& map) {
  if (to.is_cut_off || map->epoch() <= to.epoch()) return;
  to.map = map;
  on_map(to);
}

void fleet::deliver(sim_backend& to, const shard_router::shard_map_ptr& map) {
  if (to.is_dead || to.is_cut_off || map->epoch() <= to.own.epoch()) return;
  to.own.set_map(map, now_);
  on_map(to);
}

fleet::backend_ptr fleet::find_process(const std::string& process) const {
  const auto found = std::ranges::find(processes_, process, &sim_backend::process);
  return found == processes_.end() ? nullptr : *found;
}

// Nothing moves any more.
void fleet::look_at_the_end() {
  for (const auto& client : clients_) {
    if (client->now != sim_client::phase::over) find("6 a client neither served nor told why not");
  }
  for (const auto& backend : processes_) {
    if (!backend->is_dead && !backend->opening.empty()) find("6 an Open without an answer");
    if (!backend->serving.empty()) find("6 a stream without a client");
  }
  if (!applications_.is_empty()) find("6 an application without a stream");
  for (const auto& at : gateways_) {
    if (at->metrics.opens_waiting.value() != 0) find("6 somebody is counted as waiting");
  }
}

}  // namespace presenter::testing
