#include "gateway/operate/counter_values.hpp"

#include <unordered_map>

namespace presenter::gateway {

counter_values values_of(worker_metrics& metrics) {
  counter_values values;
  visit_counters(metrics, [&](std::string key, const counter& one) {
    if (one.value() != 0) values.emplace_back(std::move(key), one.value());
  });
  return values;
}

void add_values(worker_metrics& metrics, const counter_values& values) {
  const std::unordered_map<std::string, std::uint64_t> by_key(values.begin(), values.end());
  visit_counters(metrics, [&](const std::string& key, counter& one) {
    if (const auto found = by_key.find(key); found != by_key.end()) one.add(found->second);
  });
}

}  // namespace presenter::gateway
