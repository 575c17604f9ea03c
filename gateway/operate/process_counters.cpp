#include "gateway/operate/process_counters.hpp"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>

namespace presenter::gateway {
namespace {

template <class Visit>
void visit_zookeeper(zookeeper_facts& facts, const Visit& visit) {
  visit("zookeeper.maps_held", facts.maps_held);
  visit("zookeeper.maps_too_large", facts.maps_too_large);
  visit("zookeeper.entries_rejected", facts.entries_rejected);
  visit("zookeeper.read_failures", facts.read_failures);
  visit("zookeeper.save_failures", facts.save_failures);
  visit("zookeeper.disconnects", facts.disconnects);
  visit("zookeeper.sessions_opened", facts.sessions_opened);
  visit("zookeeper.sessions_expired", facts.sessions_expired);
  visit("zookeeper.open_failures", facts.open_failures);
  visit("zookeeper.map_reads", facts.map_reads);
  visit("zookeeper.maps_published", facts.maps_published);
  visit("zookeeper.secret_reads", facts.secret_reads);
  visit("zookeeper.secret_refusals", facts.secret_refusals);
  visit("zookeeper.secret_write_failures", facts.secret_write_failures);
  visit("zookeeper.moves", facts.moves);
  visit("zookeeper.lookups_found", facts.lookups_found);
  visit("zookeeper.lookups_failed", facts.lookups_failed);
  visit("zookeeper.lookups_timed_out", facts.lookups_timed_out);
}

template <class Visit>
void visit_tls(process_facts& facts, const Visit& visit) {
  visit("tickets.rotations", facts.tickets.rotations);
  visit("tickets.refusals", facts.tickets.refusals);
  visit("tickets.file_reloads", facts.tickets.file_reloads);
  visit("tickets.file_refusals", facts.tickets.file_refusals);
  visit("certificates.reloads", facts.certificates.reloads);
  visit("certificates.refusals", facts.certificates.refusals);
}

template <class Visit>
void visit_life(process_facts& facts, const Visit& visit) {
  for (std::size_t event = 0; event < hook_event_names.size(); ++event) {
    for (std::size_t result = 0; result < hook_result_names.size(); ++result)
      visit(fmt::format("hooks.{}.{}", hook_event_names[event], hook_result_names[result]),
            facts.hooks.runs[event][result]);
  }
  visit("configuration.reloads", facts.configuration.reloads);
  visit("configuration.refusals", facts.configuration.refusals);
  visit("drain.arrivals", facts.drain.arrivals);
  visit("drain.closed", facts.drain.closed);
  visit("memory.trims", facts.memory.trims);
  visit("log.lines_dropped", facts.log_lines_dropped);
  for (std::size_t result = 0; result < removal_result_names.size(); ++result)
    visit(fmt::format("removals.{}", removal_result_names[result]), facts.removals[result]);
  for (std::size_t result = 0; result < upgrade_result_names.size(); ++result)
    visit(fmt::format("upgrades.{}", upgrade_result_names[result]), facts.upgrades[result]);
  for (std::size_t why = 0; why < admin_refusal_names.size(); ++why)
    visit(fmt::format("admin_refusals.{}", admin_refusal_names[why]), facts.admin_refusals[why]);
}

template <class Visit>
void visit_balance(balance_facts& facts, const Visit& visit) {
  visit("balance.reports_rejected", facts.reports_rejected);
  visit("balance.terms", facts.terms);
  visit("balance.stale", facts.stale);
  for (std::size_t result = 0; result < publish_errc_names.size(); ++result)
    visit(fmt::format("balance.publications.{}", publish_errc_names[result]),
          facts.publications[result]);
}

template <class Visit>
void visit_all(process_facts& facts, const Visit& visit) {
  visit_zookeeper(facts.zookeeper, visit);
  visit_tls(facts, visit);
  visit_life(facts, visit);
  visit_balance(facts.balance, visit);
}

}  // namespace

counter_values values_of(process_facts& facts) {
  counter_values values;
  visit_all(facts, [&](std::string name, std::uint64_t& value) {
    if (value != 0) values.emplace_back(std::move(name), value);
  });
  return values;
}

void add_values(process_facts& facts, const counter_values& values) {
  const std::map<std::string_view, std::uint64_t> by_name(values.begin(), values.end());
  visit_all(facts, [&](const std::string& name, std::uint64_t& value) {
    if (const auto found = by_name.find(name); found != by_name.end()) value += found->second;
  });
}

}  // namespace presenter::gateway
