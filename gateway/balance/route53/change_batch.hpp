// What to change in Route 53: from what the zone has under our record's name, and what there should
// be of ours. What others have there is counted, and never touched. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/route53/record_set.hpp"

namespace presenter::gateway::route53 {

// One set of the zone, as it is listed: of anybody, of any type and kind.
struct listed_set {
  std::string name;  // as of escaped_name
  std::string type;
  std::string set_identifier;
  std::optional<int> weight;  // nothing: it is not weighted
  std::chrono::seconds ttl{0};
  std::vector<std::string> values;
  std::string health_check;
  bool is_alias = false;
  bool is_of_traffic_policy = false;
};

// What stands under our record's name.
struct zone_view {
  std::vector<record_set> ours;
  std::array<std::size_t, record_type_count> others{};  // weighted sets, which do not disturb us
  // Of each type: why no weighted set of it can be made; empty: it can.
  std::array<std::string, record_type_count> obstacles;
};

// `prefix`, never empty, is what our SetIdentifiers begin with. Sets of other names are left out.
zone_view view_of(std::span<const listed_set> listed, std::string_view record_name,
                  std::string_view prefix);

// publish_errc::ok, conflicting_record or too_many_records: whether `desired` can stand there.
publish_result find_obstacle(const zone_view& zone, std::span<const record_set> desired);
// The same for sets that are not known yet, of these types.
publish_result find_obstacle(const zone_view& zone, std::span<const record_type> types);

enum class change_action : std::uint8_t { upsert, remove };

struct change {
  change_action action = change_action::upsert;
  record_set set;  // to be removed: exactly as it is, or the service refuses

  bool operator==(const change&) const = default;
};

// New sets and new weights first, then what goes: between two batches clients find too many
// gateways rather than none.
std::vector<change> changes_between(std::span<const record_set> ours,
                                    std::vector<record_set> desired);

// Weighted sets of one name and type, by the quotas of Route 53.
inline constexpr std::size_t sets_max = 100;
// Of one request; an UPSERT counts twice in both. By the API reference, ChangeResourceRecordSets.
inline constexpr std::size_t batch_records_max = 1'000;
inline constexpr std::size_t batch_characters_max = 32'000;

// Parts of `changes` that fit into a request each. Nothing of it is copied.
std::vector<std::span<const change>> batches_of(std::span<const change> changes);

// What is there once a batch has been taken.
void mark_applied(std::span<const change> batch, std::vector<record_set>& ours);

}  // namespace presenter::gateway::route53
