// What a gateway knows of its share of the fleet's clients and of its record in DNS, for metrics.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gateway/operate/prometheus_text.hpp"
#include "gateway/vocabulary/publish_errc.hpp"

namespace presenter::gateway {

struct balance_facts {
  bool has_publisher = false;
  double weight = 0;  // that this gateway should have, as it sees the fleet; 0: no record
  std::optional<double> published_weight;  // 0: it has no record; nothing: not known
  bool is_leader = false;                  // it publishes
  bool is_name_taken = false;              // another gateway has its name
  std::size_t reports = 0;                 // of gateways, its own included
  std::uint64_t reports_rejected = 0;
  std::uint64_t terms = 0;  // times that it became the leader
  std::uint64_t stale = 0;  // publications given up because it led no more
  double imbalance = 1;     // what shedding is held against
  double shed_per_second = 0;
  std::optional<double> shed_eta_seconds;  // nothing: never
  std::size_t records = 0;                 // that it published last
  // Of a gateway that publishes; nothing: it has not yet.
  std::optional<double> publish_age_seconds;
  std::array<std::uint64_t, publish_errc_names.size()> publications{};  // by publish_errc
};

void write_balance(prometheus_text& out, const balance_facts& facts);

}  // namespace presenter::gateway
