#include "gateway/shard_source.hpp"

#include <stdexcept>

#include "gateway/config_checks.hpp"
#include "shard_router/map_file.hpp"

namespace presenter::gateway {

shard_source::shard_source(boost::asio::io_context& control, const shards_config& settings,
                           shard_router::router& router) {
  if (settings.zookeeper) {
    start_zookeeper(control, settings, router);
    return;
  }
  const auto loaded = shard_router::load_map_file(*settings.file);
  if (loaded.map == nullptr) throw std::runtime_error(loaded.errors.front().to_string());
  router.publish(loaded.map);
}

void shard_source::start_zookeeper(boost::asio::io_context& control, const shards_config& settings,
                                   shard_router::router& router) {
  const auto address = shard_router::parse_zk_address(*settings.zookeeper);
  if (!address) throw std::runtime_error("shards.zookeeper: " + address.error().message());
  shard_router::zk_session_options options;
  options.address = *address;
  options.session_timeout = settings.session_timeout;
  if (settings.zookeeper_auth_file) {
    auto identity = read_zookeeper_auth(*settings.zookeeper_auth_file);
    if (!identity)
      throw std::runtime_error(check_zookeeper_auth_file(*settings.zookeeper_auth_file));
    options.digest_auth = std::move(*identity);
  }
  session_ = std::make_unique<shard_router::zk_session>(control.get_executor(), options);
  watcher_ = std::make_unique<shard_router::zk_watcher>(*session_, router);
  watcher_->start();
  session_->start();
}

void shard_source::stop() {
  watcher_.reset();
  if (session_ != nullptr) session_->close();
}

bool shard_source::is_zookeeper_connected() const {
  return session_ != nullptr && session_->state() == shard_router::zk_state::connected;
}

}  // namespace presenter::gateway
