#include "gateway/config/config_changes.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "gateway/config/config_keys.hpp"

namespace presenter::gateway {
namespace {

std::string shown(const described_key& key, const config_places& places) {
  const std::string* const written = places.written(key.table, key.key);
  return written != nullptr ? *written : key.value;
}

reload_effect effect_of(const described_key& key) {
  return text_of_key(key.table.name + '.' + key.key).effect;
}

}  // namespace

std::vector<key_change> changes_between(const placed_config& before, const placed_config& after) {
  std::vector<key_change> changes;
  std::map<std::string, described_key> old;
  for (described_key& each : describe(before.values))
    old.emplace(each.name(), std::move(each));
  for (const described_key& each : describe(after.values)) {
    const auto found = old.extract(each.name());
    if (!found)
      changes.push_back({each.name(), "", shown(each, after.places), effect_of(each)});
    else if (found.mapped().value != each.value)
      changes.push_back({each.name(), shown(found.mapped(), before.places),
                         shown(each, after.places), effect_of(each)});
  }
  for (const auto& [name, each] : old)
    changes.push_back({name, shown(each, before.places), "", effect_of(each)});
  const auto presence = [](const config& of) { return of.drain.is_configured ? "there" : ""; };
  if (before.values.drain.is_configured != after.values.drain.is_configured)
    changes.push_back(
        {"[drain]", presence(before.values), presence(after.values), reload_effect::now});
  return changes;
}

config what_can_change(const config& running, const config& wanted) {
  config next = wanted;
  next.gateway = running.gateway;
  next.listen.address = running.listen.address;
  next.workers = running.workers;
  next.admin = running.admin;
  // Whether one is needed depends on the address.
  if (running.admin.address == wanted.admin.address)
    next.admin.token_file = wanted.admin.token_file;
  next.tls.early_data = running.tls.early_data;
  next.shards = running.shards;
  // A fixed map may be another one.
  if (running.shards.file && wanted.shards.file) next.shards.file = wanted.shards.file;
  return next;
}

}  // namespace presenter::gateway
