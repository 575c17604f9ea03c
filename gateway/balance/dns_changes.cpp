#include "gateway/balance/dns_changes.hpp"

namespace presenter::gateway {

std::map<record_key, double> weights_by_record(const dns_state& state) {
  std::map<record_key, double> weights;
  for (const dns_record& each : state.records)
    weights[{each.name_of_gateway, each.address}] = each.weight;
  return weights;
}

std::size_t count_changes(const dns_state& before, const dns_state& after) {
  if (before.record_name != after.record_name || before.ttl != after.ttl)
    return before.records.size() + after.records.size();
  const auto old = weights_by_record(before);
  std::size_t kept = 0;
  std::size_t same = 0;
  for (const auto& [key, weight] : weights_by_record(after)) {
    const auto found = old.find(key);
    if (found == old.end()) continue;
    ++kept;
    if (found->second == weight) ++same;
  }
  return old.size() + after.records.size() - kept - same;
}

}  // namespace presenter::gateway
