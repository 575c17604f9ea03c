// What the page /dashboard shows of the server.
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/control/server.hpp"
#include "gateway/control/worker_sums.hpp"

namespace presenter::gateway {

using nlohmann::json;

json server::sample() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {{"monotonic_seconds", std::chrono::duration<double>(now).count()},
          {"clients", drain_.clients()},
          {"links_up", links_up()},
          {"phases", phase_sums(workers_)},
          {"counters", counter_sums(workers_)}};
}

json server::keys_page() const {
  const std::time_t now = std::time(nullptr);
  json certificates = json::array();
  for (const auto& each : tls_.facts().certificates) {
    certificates.push_back({{"name", each.name},
                            {"file", each.file},
                            {"expires_seconds", std::difftime(each.expires, now)}});
  }
  const ticket_facts tickets = tickets_.facts();
  return {{"certificates", std::move(certificates)},
          {"tickets",
           {{"origin", tickets.origin},
            {"keys", tickets.keys},
            {"sealing_seconds", tickets.sealing_seconds}}}};
}

dashboard_sources server::what_is_shown() {
  return {
      .sample = [this] { return sample(); },
      .keys = [this] { return keys_page(); },
      .status = [this](const admin_query&, const json_reply& reply) { reply(answer_of(status())); },
      .shards = [this](const admin_query&, const json_reply& reply) { pages_->shards(reply); }};
}

}  // namespace presenter::gateway
