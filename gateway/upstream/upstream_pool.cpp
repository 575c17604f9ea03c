#include "gateway/upstream/upstream_pool.hpp"

#include <algorithm>
#include <utility>

namespace presenter::gateway {
namespace {

// For a link that is closed because it is empty: only frames that nobody waits for can be left.
constexpr std::chrono::milliseconds sweep_linger{1'000};

}  // namespace

upstream_pool::upstream_pool(boost::asio::io_context& io, const config& settings, std::string node,
                             worker_metrics& metrics, const worker_thread& thread,
                             const protocol::link_loop& loop, std::function<void()> on_input_end,
                             std::function<void()> on_reachable, backend_news news)
    : context_{.io = io,
               .settings = settings,
               .metrics = metrics,
               .thread = thread,
               .loop = loop,
               .node = std::move(node),
               .on_input_end = std::move(on_input_end),
               .on_room = [this](const upstream_slot& slot) { on_room(slot); },
               .on_up = [this](const upstream_slot& slot) { on_up(slot); },
               .on_refused = [this](const upstream_slot& slot) { on_refused(slot); },
               .on_leaving = [this](upstream_slot& leaving) { replace(leaving); }},
      waiters_(metrics),
      on_reachable_(std::move(on_reachable)),
      news_(std::move(news)) {}

upstream_pool::~upstream_pool() = default;

void upstream_pool::set_map(map_ptr map) {
  context_.thread.assert_on_worker();
  if (is_shutting_down_) return;
  map_ = std::move(map);
  for (auto& [name, known] : backends_) {
    if (map_->find(name) != nullptr) {
      known.missing_since.reset();
    } else if (!known.missing_since) {
      known.missing_since = protocol::mux_clock::now();
    }
  }
  // A server that came back elsewhere, or as another process, needs other links.
  retire_if([this](const backend& known) {
    const shard_router::backend_entry* now = map_->find(known.server->name);
    return now != nullptr && !is_same_process(*now, *known.server);
  });
  retire_missing();
  for (const shard_router::backend_entry& server : map_->backends()) {
    if (!backends_.contains(server.name)) add(server);
  }
  waiters_.on_map();
}

template <class Predicate>
void upstream_pool::retire_if(Predicate is_gone) {
  for (auto known = backends_.begin(); known != backends_.end();) {
    if (is_gone(known->second)) {
      retire(known->second);
      known = backends_.erase(known);
    } else {
      ++known;
    }
  }
}

void upstream_pool::retire_missing() {
  const auto enough = protocol::mux_clock::now() - context_.settings.moves.left_grace;
  retire_if([enough](const backend& known) {
    return known.missing_since && *known.missing_since <= enough;
  });
}

void upstream_pool::add(const shard_router::backend_entry& server) {
  backend& added = backends_[server.name];
  added.server = std::make_shared<shard_router::backend_entry>(server);
  add_slots(added);
}

void upstream_pool::add_slots(backend& to) {
  while (to.slots.size() < context_.settings.upstream.links_per_worker) {
    to.slots.push_back(std::make_shared<upstream_slot>(context_, *to.server));
    to.slots.back()->start();
  }
}

void upstream_pool::retire(backend& gone) {
  for (auto& slot : gone.slots) {
    slot->retire();
    retired_.push_back(std::move(slot));
  }
}

// --- another process goes on

upstream_state upstream_pool::freeze() {
  upstream_state state;
  frozen_.clear();
  const auto add_slot = [&](upstream_slot& slot) {
    auto link = slot.freeze();
    if (!link) return;
    state.push_back({slot.server(), slot.is_retired(), slot.up_since(), std::move(*link)});
    frozen_.push_back(&slot.link()->core());
  };
  for (auto& [name, known] : backends_) {
    for (const auto& slot : known.slots)
      add_slot(*slot);
  }
  for (const auto& slot : retired_)
    add_slot(*slot);
  return state;
}

std::size_t upstream_pool::link_index(const protocol::mux_core& link) const {
  return static_cast<std::size_t>(std::ranges::find(frozen_, &link) - frozen_.begin());
}

void upstream_pool::adopt(upstream_state state) {
  for (upstream_link_state& each : state) {
    const auto slot = std::make_shared<upstream_slot>(context_, each.backend);
    slot->adopt(std::move(each.link), each.is_retired,
                each.up_since.value_or(protocol::mux_clock::now()));
    adopted_.push_back(slot);
    if (each.is_retired) {
      retired_.push_back(slot);
      continue;
    }
    backend& known = backends_[each.backend.name];
    if (known.server == nullptr)
      known.server = std::make_shared<shard_router::backend_entry>(std::move(each.backend));
    known.slots.push_back(slot);
  }
}

std::shared_ptr<protocol::mux_core> upstream_pool::adopted_link(std::size_t index) const {
  if (index >= adopted_.size()) return nullptr;
  const auto& link = adopted_[index]->link();
  return {link, &link->core()};
}

// Links that were being connected are connected anew. The configuration may want fewer than before.
void upstream_pool::serve_adopted() {
  for (const auto& slot : std::exchange(adopted_, {}))
    slot->serve();
  match_links();
}

void upstream_pool::match_links() {
  for (auto& [name, known] : backends_) {
    add_slots(known);
    while (known.slots.size() > context_.settings.upstream.links_per_worker) {
      known.slots.back()->retire();
      retired_.push_back(std::move(known.slots.back()));
      known.slots.pop_back();
    }
  }
}

close_reason upstream_pool::upstream_route::obstacle() const {
  if (!has_owner) return close_reason::no_shard;
  return is_full ? close_reason::backend_full : close_reason::backend_unreachable;
}

upstream_pool::upstream_route upstream_pool::route(std::string_view key) {
  upstream_route route;
  const shard_router::backend_entry* owner = map_ != nullptr ? map_->owner(key) : nullptr;
  if (owner == nullptr) return route;
  route.has_owner = true;
  route.map_epoch = map_->epoch();
  backend& chosen = backends_.find(owner->name)->second;
  route.backend = chosen.server;
  if (const auto link = link_for_new_stream(chosen)) {
    route.link = std::shared_ptr<protocol::mux_core>(link, &link->core());
  } else {
    route.is_full =
        std::ranges::any_of(chosen.slots, [](const auto& slot) { return slot->is_serving(); });
  }
  return route;
}

bool upstream_pool::may_continue_at_owner(std::uint64_t ring_hash) const {
  const shard_router::backend_entry* owner = map_ != nullptr ? map_->owner_of(ring_hash) : nullptr;
  return owner != nullptr && may_continue_at(owner->name);
}

bool upstream_pool::is_owner_reachable(std::uint64_t ring_hash) const {
  const shard_router::backend_entry* owner = map_ != nullptr ? map_->owner_of(ring_hash) : nullptr;
  if (owner == nullptr) return false;
  const auto& slots = backends_.find(owner->name)->second.slots;
  return std::ranges::any_of(slots, [](const auto& slot) { return slot->is_serving(); });
}

bool upstream_pool::may_continue_at(std::string_view name) const {
  const auto known = backends_.find(name);
  if (known == backends_.end()) return true;
  return std::ranges::none_of(known->second.slots, [](const auto& slot) {
    return slot->is_ready() && !slot->takes_handoffs();
  });
}

backend_fate upstream_pool::fate_of(const shard_router::backend_entry& server,
                                    protocol::mux_clock::time_point since) const {
  if (map_ == nullptr) return backend_fate::unknown;
  const shard_router::backend_entry* now = map_->find(server.name);
  if (now == nullptr || !is_same_process(*now, server)) return backend_fate::gone;
  const bool is_back =
      std::ranges::any_of(backends_.find(server.name)->second.slots,
                          [since](const auto& slot) { return slot->came_up_after(since); });
  return is_back ? backend_fate::alive : backend_fate::unknown;
}

// The replacement comes up while the streams of the old link still go on.
void upstream_pool::replace(upstream_slot& leaving) {
  const auto known = backends_.find(leaving.server().name);
  if (known == backends_.end()) return;
  if (known->second.missing_since) {
    // It is ending, and will not be back.
    retire(known->second);
    backends_.erase(known);
    return;
  }
  for (std::shared_ptr<upstream_slot>& slot : known->second.slots) {
    if (slot.get() != &leaving) continue;
    slot->retire();
    retired_.push_back(
        std::exchange(slot, std::make_shared<upstream_slot>(context_, *known->second.server)));
    slot->start_after(leaving);
    return;
  }
}

std::shared_ptr<upstream_link> upstream_pool::link_for_new_stream(backend& backend) {
  for (std::size_t tried = 0; tried < backend.slots.size(); ++tried) {
    backend.next = (backend.next + 1) % backend.slots.size();
    if (auto link = backend.slots[backend.next]->link_for_new_stream()) return link;
  }
  return nullptr;
}

void upstream_pool::on_up(const upstream_slot& slot) {
  if (news_) news_(slot.server(), true);
  waiters_.on_link_up(slot.server().name);
}

void upstream_pool::on_refused(const upstream_slot& slot) {
  const auto known = backends_.find(slot.server().name);
  if (!news_ || known == backends_.end()) return;
  if (std::ranges::all_of(known->second.slots, [](const auto& each) { return each->is_refused(); }))
    news_(slot.server(), false);
}

void upstream_pool::on_room(const upstream_slot& slot) {
  const std::string name = slot.server().name;
  waiters_.on_room(name, [this, &name] {
    const auto known = backends_.find(name);
    return known != backends_.end() && link_for_new_stream(known->second) != nullptr;
  });
  on_reachable_();
}

void upstream_pool::sweep() {
  context_.thread.assert_on_worker();
  retire_missing();
  for (const auto& [name, backend] : backends_) {
    for (const auto& slot : backend.slots)
      slot->count_traffic();
  }
  for (const auto& slot : retired_) {
    slot->count_traffic();
    slot->close_if_empty(sweep_linger);
  }
  std::erase_if(retired_, [](const auto& slot) { return slot->is_gone(); });
}

void upstream_pool::shut_down(std::chrono::milliseconds linger) {
  context_.thread.assert_on_worker();
  is_shutting_down_ = true;
  for (auto& [name, backend] : backends_)
    retire(backend);
  backends_.clear();
  map_.reset();
  for (const auto& slot : retired_)
    slot->close(linger);
}

bool upstream_pool::is_empty() const {
  return backends_.empty() &&
         std::ranges::all_of(retired_, [](const auto& slot) { return slot->is_gone(); });
}

backend_uses upstream_pool::uses(std::size_t backends_max) const {
  context_.thread.assert_on_worker();
  backend_uses all;
  for (const auto& [name, backend] : backends_) {
    if (all.size() == backends_max) break;
    for (const auto& slot : backend.slots)
      all[name] += slot->use();
  }
  // Those that only end their streams are no help to a new one.
  for (const auto& slot : retired_)
    all[slot->server().name].streams += slot->streams_open();
  return all;
}

std::size_t upstream_pool::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [name, backend] : backends_) {
    for (const auto& slot : backend.slots)
      bytes += slot->memory_bytes();
  }
  for (const auto& slot : retired_)
    bytes += slot->memory_bytes();
  return bytes;
}

}  // namespace presenter::gateway
