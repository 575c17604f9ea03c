#include "gateway/drain/drain_report.hpp"

#include <nlohmann/json.hpp>

namespace presenter::gateway {
namespace {

using nlohmann::json;

json or_null(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

json arrivals_json(const arrival_list& arrivals, std::chrono::steady_clock::time_point now) {
  const auto ago = [now](std::chrono::steady_clock::time_point then) {
    return std::chrono::duration<double>(now - then).count();
  };
  json networks = json::array();
  for (const arrival_list::network& each : arrivals.networks)
    networks.push_back(
        {{"network", each.name}, {"clients", each.clients}, {"last_seconds_ago", ago(each.last)}});
  return {{"clients", arrivals.clients},
          {"last_seconds_ago", arrivals.last ? json(ago(*arrivals.last)) : json(nullptr)},
          {"networks", std::move(networks)},
          {"clients_elsewhere", arrivals.clients_elsewhere}};
}

}  // namespace

std::string to_json(const drain_report& report, std::chrono::steady_clock::time_point now) {
  const json page{
      {"gateway", report.gateway},
      {"state", name_of(report.state)},
      {"clients", report.clients},
      {"quiet_seconds", report.quiet},
      {"draining_seconds", or_null(report.draining_for)},
      {"record_obstacle", report.obstacle.empty() ? json(nullptr) : json(report.obstacle)},
      {"closed", report.closed},
      {"quiet_left_seconds", or_null(report.quiet_left)},
      {"eta_seconds",
       {{"rule", or_null(report.rule_eta)}, {"deadline", or_null(report.deadline_eta)}}},
      {"arrivals", arrivals_json(report.arrivals, now)}};
  return page.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace presenter::gateway
