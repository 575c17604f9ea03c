// What the page /dashboard shows of the server.
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/control/server.hpp"
#include "gateway/control/worker_sums.hpp"

namespace presenter::gateway {

using nlohmann::json;

json server::sample() const {
  json sums = worker_sums(workers_);
  sums["clients"] = drain_.clients();
  sums["links_up"] = links_up();
  return sums;
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
      .shards = [this](const admin_query&, const json_reply& reply) { pages_->shards(reply); },
      .top = [this](const admin_query& query,
                    const json_reply& reply) { top_page_.answer(query, reply); }};
}

}  // namespace presenter::gateway
