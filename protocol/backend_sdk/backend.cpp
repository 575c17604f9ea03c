#include "protocol/backend_sdk/backend.hpp"

#include <stdexcept>
#include <utility>

#include "shard_router/zk_address.hpp"
#include "shard_router/zk_identity.hpp"

namespace presenter::protocol {
namespace {

backend_options completed(backend_options options) {
  // Known before the entry is: it tells our keys from those of another process of our name.
  if (options.self.instance.empty()) options.self.instance = shard_router::make_instance();
  return options;
}

shard_router::zk_session_options session_options(const backend_options& from) {
  const auto address = shard_router::parse_zk_address(from.zookeeper);
  if (!address) throw std::invalid_argument(from.zookeeper + ": " + address.error().message());
  shard_router::zk_session_options options;
  options.address = *address;
  if (from.identity_file.empty()) return options;
  auto identity = shard_router::read_zk_identity(from.identity_file);
  if (!identity)
    throw std::invalid_argument(from.identity_file.string() + ": " + identity.error().message());
  options.digest_auth = std::move(*identity);
  return options;
}

shard_router::zk_watcher_options watcher_options(const backend_options& from) {
  shard_router::zk_watcher_options options;
  options.saved_map = from.saved_map;
  options.hold = from.mass_drop_hold;
  return options;
}

}  // namespace

backend::backend(boost::asio::io_context& context, backend_options options)
    : options_(completed(std::move(options))),
      fence_(std::make_shared<owner_fence>(
          shard_router::ownership(options_.self.name, options_.self.instance, options_.settle))),
      session_(context.get_executor(), session_options(options_)),
      watcher_(session_, shards_, watcher_options(options_)),
      leave_deadline_(context) {}

void backend::start(mux_acceptor& acceptor, const std::string& host, std::uint16_t port) {
  // The gateways end a link whose Hello has another name than the map.
  if (!acceptor.node().empty() && acceptor.node() != options_.self.name)
    throw std::invalid_argument("acceptor_options: node is '" + acceptor.node() +
                                "', but the name in the map '" + options_.self.name + "'");
  acceptor_ = &acceptor;
  options_.self.host = host;
  options_.self.port = port;
  shards_.subscribe([this](const shard_router::shard_map_ptr& map) { on_map(map); });
  entry_.emplace(session_, options_.self);
  if (on_ordered_) entry_->set_state_handler(on_ordered_);
  watcher_.start();
  entry_->start();
  session_.start();
}

void backend::on_map(const shard_router::shard_map_ptr& map) {
  fence_->set_map(map, std::chrono::steady_clock::now());
  acceptor_->set_map_epoch(map->epoch());
  acceptor_->on_fence_changed();
}

void backend::on_ordered(std::function<void(shard_router::backend_state)> call) {
  on_ordered_ = std::move(call);
  if (entry_) entry_->set_state_handler(on_ordered_);
}

bool backend::start_draining() {
  if (session_.state() != shard_router::zk_state::connected) return false;
  shard_router::backend_entry self = entry_->self();
  self.state = shard_router::backend_state::draining;
  entry_->update(std::move(self));
  return true;
}

void backend::start_leaving(std::function<void()> on_left) {
  on_left_ = std::move(on_left);
  leave_deadline_.expires_after(options_.leave_timeout);
  leave_deadline_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) finish_leaving();
  });
  entry_->close([this](const boost::system::error_code&) { finish_leaving(); });
}

void backend::finish_leaving() {
  leave_deadline_.cancel();
  if (const auto left = std::exchange(on_left_, nullptr)) left();
}

}  // namespace presenter::protocol
