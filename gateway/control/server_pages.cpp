// The server's own admin pages: how the gateway is, and how loud its log is.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/paced_log.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/control/server.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;
using nlohmann::json;

json log_level_page(const std::string& node, const log_config& configured) {
  return {{"gateway", node},
          {"level", name_of(log_level_in_force())},
          {"configured", name_of(configured.level)}};
}

}  // namespace

json server::status() const {
  const readiness state = ready();
  const auto uptime = std::chrono::system_clock::now() - started_at_;
  const auto admin = admin_->address();
  const auto metrics = admin_->metrics_address();
  const auto socket = admin_->socket();
  const auto& map = router_.current();
  const auto sum = [this](gauge worker_metrics::*which) {
    std::int64_t all = 0;
    for (const auto& each : workers_)
      all += (each->metrics().*which).value();
    return all;
  };
  return {{"gateway", node_},
          {"version", version},
          {"pid", ::getpid()},
          {"state", name_of(drain_.facts().state)},
          {"ready", state.is_ready()},
          {"missing", state.missing},
          {"notes", state.notes},
          {"uptime_seconds", std::chrono::duration<double>(uptime).count()},
          {"workers", workers_.size()},
          {"clients", drain_.clients()},
          {"clients_max", clients_max_},
          {"streams", sum(&worker_metrics::streams_open)},
          {"links_up", links_up()},
          {"links_suspect", sum(&worker_metrics::links_suspect)},
          {"map_epoch", map == nullptr ? json() : json(map->epoch())},
          {"backends", map == nullptr ? 0 : map->backends().size()},
          {"zookeeper_connected",
           settings_.shards.zookeeper ? json(shards_->facts().is_connected) : json()},
          {"log_level", name_of(log_level_in_force())},
          {"listen", format_endpoint(listen_endpoint_)},
          {"admin", admin ? json(format_endpoint(*admin)) : json()},
          {"admin_socket", socket ? json(socket->string()) : json()},
          {"admin_metrics", metrics ? json(format_endpoint(*metrics)) : json()}};
}

json_answer server::log_level_answer() const {
  return answer_of(log_level_page(node_, settings_.log));
}

// Until the process ends; the configuration says what the next one begins with.
void server::set_log_level(const admin_query& query, const json_reply& reply) {
  const auto level = log_level_of(query.value("level").value_or(""));
  if (!level)
    return reply(error_answer(status::bad_request, fmt::format("the level must be one of {}",
                                                               fmt::join(log_level_names, ", "))));
  gateway::set_log_level(*level);
  log_paced(levels_said_, spdlog::level::info, "log.level: {} by an order, until the process ends",
            name_of(*level));
  reply(log_level_answer());
}

}  // namespace presenter::gateway
