#include "gateway/control/shard_source.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>
#include <system_error>

#include "shard_router/map_file.hpp"
#include "shard_router/zk_identity.hpp"

namespace presenter::gateway {

shard_source::shard_source(boost::asio::io_context& control, const shards_config& settings,
                           shard_router::router& router) {
  if (settings.zookeeper) {
    make_zookeeper(control, settings, router);
    return;
  }
  const auto loaded = shard_router::load_map_file(*settings.file);
  if (loaded.map == nullptr) throw std::runtime_error(loaded.errors.front().to_string());
  spdlog::info(fmt::format("shard map: {}, {} backends", settings.file->string(),
                           loaded.map->backends().size()));
  router.publish(loaded.map);
}

void shard_source::make_zookeeper(boost::asio::io_context& control, const shards_config& settings,
                                  shard_router::router& router) {
  const auto address = shard_router::parse_zk_address(*settings.zookeeper);
  if (!address) throw std::runtime_error("shards.zookeeper: " + address.error().message());
  shard_router::zk_session_options options;
  options.address = *address;
  options.session_timeout = settings.session_timeout;
  if (settings.zookeeper_auth_file) {
    auto identity = shard_router::read_zk_identity(*settings.zookeeper_auth_file);
    if (!identity)
      throw std::runtime_error(settings.zookeeper_auth_file->string() + ": " +
                               identity.error().message());
    options.digest_auth = std::move(*identity);
  }
  try {
    session_ = std::make_unique<shard_router::zk_session>(control.get_executor(), options);
  } catch (const std::system_error& error) {
    throw std::runtime_error("shards.zookeeper: a thread for it cannot be made: " +
                             error.code().message() + " (ulimit -u, TasksMax)");
  }
  shard_router::zk_watcher_options watching;
  watching.hold = settings.mass_drop_hold;
  watching.saved_map = settings.saved_map.value_or("");
  watcher_ = std::make_unique<shard_router::zk_watcher>(*session_, router, watching);
}

void shard_source::start(const shard_router::zk_credentials& earlier) {
  if (session_ == nullptr) return;
  watcher_->start();
  session_->start(earlier);
}

void shard_source::stop() {
  watcher_.reset();
  if (session_ != nullptr) session_->close();
}

shard_router::shard_map_ptr shard_source::held() const {
  return watcher_ == nullptr ? nullptr : watcher_->held();
}

zookeeper_facts shard_source::facts() const {
  if (session_ == nullptr) return {};
  const shard_router::shard_counters& counters = session_->counters();
  return {.is_connected = counters.connected,
          .is_map_held = held() != nullptr,
          .maps_held = counters.maps_held,
          .maps_too_large = counters.maps_too_large,
          .entries_rejected = counters.children_rejected,
          .read_failures = counters.map_read_failures,
          .save_failures = counters.saves_failed,
          .disconnects = counters.disconnects,
          .sessions_opened = counters.sessions_opened,
          .sessions_expired = counters.sessions_expired,
          .open_failures = counters.open_failures,
          .map_reads = counters.map_reads,
          .maps_published = counters.maps_published,
          .secret_reads = counters.secret_reads,
          .secret_refusals = counters.secret_refusals,
          .secret_write_failures = counters.secret_write_failures,
          .moves = counters.moves,
          .lookups_found = counters.lookups_found,
          .lookups_failed = counters.lookups_failed,
          .lookups_timed_out = counters.lookups_timed_out};
}

}  // namespace presenter::gateway
