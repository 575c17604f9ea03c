#include "gateway/balance/route53/change_batch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace presenter::gateway::route53 {
namespace {

constexpr std::array<record_type, record_type_count> all_types{record_type::a, record_type::aaaa};

std::size_t index_of(record_type type) {
  return static_cast<std::size_t>(type);
}

template <class Sets>
auto find_set(Sets& sets, const record_set& wanted) {
  return std::find_if(sets.begin(), sets.end(),
                      [&](const record_set& each) { return is_one_set(each, wanted); });
}

std::optional<record_type> type_of(const listed_set& set) {
  for (const record_type each : all_types) {
    if (set.type == name_of(each)) return each;
  }
  return std::nullopt;
}

// Why no weighted set of our own can be beside this one, of the same name and type.
std::string obstacle_by(const listed_set& set, bool is_named_like_ours) {
  if (set.set_identifier.empty()) {
    return fmt::format(
        "there is a simple {} record of that name; it cannot be made weighted in "
        "place, so remove it",
        set.type);
  }
  if (!set.weight) {
    return fmt::format(
        "there is an {} record of that name (\"{}\") with another routing policy "
        "than weighted; remove it",
        set.type, set.set_identifier);
  }
  if (is_named_like_ours && (set.is_alias || set.is_of_traffic_policy)) {
    return fmt::format(
        "the {} record \"{}\" begins with our prefix and is an {}; remove it, or "
        "take another prefix",
        set.type, set.set_identifier, set.is_alias ? "alias" : "instance of a traffic policy");
  }
  return {};
}

void add_to_view(zone_view& zone, const listed_set& set, record_type type, bool is_ours) {
  if (std::string obstacle = obstacle_by(set, is_ours); !obstacle.empty()) {
    zone.obstacles[index_of(type)] = std::move(obstacle);
  } else if (is_ours) {
    zone.ours.push_back({.type = type,
                         .set_identifier = set.set_identifier,
                         .weight = *set.weight,
                         .ttl = set.ttl,
                         .values = set.values,
                         .health_check = set.health_check});
  } else {
    ++zone.others[index_of(type)];
  }
}

publish_result obstacle(publish_errc error, std::string text) {
  return {.error = error, .text = std::move(text), .retry_after = {}, .changed = 0};
}

// As the service counts.
std::size_t times_counted(const change& of) {
  return of.action == change_action::upsert ? 2 : 1;
}

std::size_t characters_of(const record_set& set) {
  std::size_t sum = 0;
  for (const std::string& each : set.values)
    sum += each.size();
  return sum;
}

}  // namespace

zone_view view_of(std::span<const listed_set> listed, std::string_view record_name,
                  std::string_view prefix) {
  zone_view zone;
  for (const listed_set& each : listed) {
    if (each.name != record_name) continue;
    if (each.type == "CNAME") {
      zone.obstacles.fill(
          "there is a CNAME record of that name, beside which nothing else can "
          "stand; remove it");
    } else if (const auto type = type_of(each)) {
      add_to_view(zone, each, *type, each.set_identifier.starts_with(prefix));
    }
  }
  return zone;
}

publish_result find_obstacle(const zone_view& zone, std::span<const record_set> desired) {
  for (const record_type type : all_types) {
    const auto wanted = static_cast<std::size_t>(std::count_if(
        desired.begin(), desired.end(), [&](const auto& each) { return each.type == type; }));
    if (wanted == 0) continue;
    if (!zone.obstacles[index_of(type)].empty())
      return obstacle(publish_errc::conflicting_record, zone.obstacles[index_of(type)]);
    const std::size_t others = zone.others[index_of(type)];
    if (wanted + others <= sets_max) continue;
    return obstacle(publish_errc::too_many_records,
                    fmt::format("{} {} records of ours and {} of others: one name can have {}",
                                wanted, name_of(type), others, sets_max));
  }
  return {};
}

publish_result find_obstacle(const zone_view& zone, std::span<const record_type> types) {
  std::vector<record_set> any;
  for (const record_type each : types)
    any.push_back({.type = each});
  return find_obstacle(zone, any);
}

std::vector<change> changes_between(std::span<const record_set> ours,
                                    std::vector<record_set> desired) {
  std::vector<change> changes;
  for (record_set& each : desired) {
    const auto known = find_set(ours, each);
    if (known != ours.end()) each.health_check = known->health_check;
    if (known == ours.end() || !is_equivalent(*known, each))
      changes.push_back({change_action::upsert, each});
  }
  for (const record_set& each : ours) {
    if (find_set(desired, each) == desired.end()) changes.push_back({change_action::remove, each});
  }
  return changes;
}

std::vector<std::span<const change>> batches_of(std::span<const change> changes) {
  std::vector<std::span<const change>> batches;
  std::size_t records = 0;
  std::size_t characters = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < changes.size(); ++at) {
    const std::size_t more_records = times_counted(changes[at]) * changes[at].set.values.size();
    const std::size_t more_characters = times_counted(changes[at]) * characters_of(changes[at].set);
    const bool fits = records + more_records <= batch_records_max &&
                      characters + more_characters <= batch_characters_max;
    if (!fits && at > begin) {
      batches.push_back(changes.subspan(begin, at - begin));
      begin = at;
      records = characters = 0;
    }
    records += more_records;
    characters += more_characters;
  }
  if (begin < changes.size()) batches.push_back(changes.subspan(begin));
  return batches;
}

void mark_applied(std::span<const change> batch, std::vector<record_set>& ours) {
  for (const change& each : batch) {
    const auto known = find_set(ours, each.set);
    if (each.action == change_action::upsert) {
      if (known == ours.end()) {
        ours.push_back(each.set);
      } else {
        *known = each.set;
      }
    } else if (known != ours.end()) {
      ours.erase(known);
    }
  }
}

}  // namespace presenter::gateway::route53
