#include "tests/fencing/acceptance_book.hpp"

#include <algorithm>
#include <utility>

namespace presenter::testing {

void acceptance_book::publish(const shard_router::shard_map_ptr& map, sim_time now) {
  maps_[map->epoch()] = map;
  for (const std::string& key : keys_) {
    const shard_router::backend_entry* owner = map->owner(key);
    const std::string process = owner == nullptr ? "" : process_of(*owner);
    auto& history = owners_[key];
    if (history.empty() || history.back().owner != process) history.push_back({now, process});
  }
}

void acceptance_book::accept(std::uint64_t stream, const std::string& key,
                             const std::string& process, std::int64_t by, std::int64_t asked,
                             sim_time now) {
  const service made{key, process, by};
  const auto map = maps_.find(by);
  const auto* owner = map == maps_.end() ? nullptr : map->second->owner(key);
  if (owner == nullptr || process_of(*owner) != process) find("1 accepted by no owner", made);
  const auto [first, is_new] = acceptors_.try_emplace({key, by}, process);
  if (!is_new && first->second != process) find("1 two backends for one epoch", made);
  if (by < asked) find("2 accepted under an older epoch than the gateway's", made);
  for (const auto& [other_stream, other] : services_) {
    if (other.key == key && other.process != process) compare(made, other, now);
  }
  services_.emplace(stream, made);
}

void acceptance_book::compare(const service& made, const service& other, sim_time now) {
  ++overlaps_;
  const bool is_behind = other.epoch >= made.epoch;
  if (!is_behind && !rules_.is_strict) return;
  if (!rules_.is_calm || is_flapping(made.key, now)) {
    ++excused_;
    return;
  }
  const std::string where =
      " while " + other.process + " serves under " + std::to_string(other.epoch);
  find((is_behind ? "3 accepted behind a newer epoch" : "4 accepted") + where, made);
}

// Its owner has changed twice within `settle`, recently enough to matter.
bool acceptance_book::is_flapping(const std::string& key, sim_time now) const {
  const auto& history = owners_.at(key);
  for (std::size_t i = 1; i < history.size(); ++i) {
    const bool is_recent = history[i].at + 3 * rules_.settle >= now;
    if (is_recent && history[i].at - history[i - 1].at < rules_.settle) return true;
  }
  return false;
}

std::size_t acceptance_book::changes(const std::string& key, sim_time since) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      owners_.at(key), [&](const change& made) { return made.at + rules_.settle >= since; }));
}

void acceptance_book::find(const std::string& what, const service& made) {
  if (!finding_.empty()) return;
  finding_ =
      what + ": " + made.key + " by " + made.process + " under " + std::to_string(made.epoch);
}

}  // namespace presenter::testing
