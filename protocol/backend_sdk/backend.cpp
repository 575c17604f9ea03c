#include "protocol/backend_sdk/backend.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "protocol/backend_sdk/owner_fence.hpp"
#include "shard_router/router.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_identity.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_session.hpp"
#include "shard_router/zk_watcher.hpp"

namespace presenter::protocol {

static_assert(backend_options::settle_default == shard_router::ownership::settle_default);

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
  options.tells_absent = false;
  return options;
}

}  // namespace

struct backend::parts {
  parts(boost::asio::io_context& context, backend_options given)
      : options(completed(std::move(given))),
        fence(std::make_shared<owner_fence>(
            shard_router::ownership(options.self.name, options.self.instance, options.settle))),
        session(context.get_executor(), session_options(options)),
        watcher(session, shards, watcher_options(options)),
        leave_deadline(context) {}

  void on_map(const shard_router::shard_map_ptr& map);
  void finish_leaving();

  backend_options options;
  std::shared_ptr<owner_fence> fence;
  // With their executors, for one that is gone has none.
  std::vector<std::pair<link_executor, std::weak_ptr<acceptor_port>>> acceptors;
  shard_router::router shards;
  shard_router::zk_session session;
  shard_router::zk_watcher watcher;
  std::optional<shard_router::zk_registration> entry;
  boost::asio::steady_timer leave_deadline;
  std::function<void()> on_left;
  std::function<void(shard_router::backend_state)> on_ordered;
};

backend::backend(boost::asio::io_context& context, backend_options options)
    : parts_(std::make_unique<parts>(context, std::move(options))) {}

backend::~backend() = default;

std::shared_ptr<stream_fence> backend::fence() const {
  return parts_->fence;
}

void backend::start(mux_acceptor& acceptor, const std::string& host, std::uint16_t port) {
  mux_acceptor* const one = &acceptor;
  start({&one, 1}, host, port);
}

void backend::start(std::span<mux_acceptor* const> acceptors, const std::string& host,
                    std::uint16_t port) {
  parts& all = *parts_;
  for (const mux_acceptor* each : acceptors) {
    // The gateways end a link whose Hello has another name than the map.
    if (!each->node().empty() && each->node() != all.options.self.name)
      throw std::invalid_argument("acceptor_options: node is '" + each->node() +
                                  "', but the name in the map '" + all.options.self.name + "'");
    all.acceptors.emplace_back(each->get_executor(), each->port());
  }
  all.options.self.host = host;
  all.options.self.port = port;
  all.shards.subscribe([&all](const shard_router::shard_map_ptr& map) { all.on_map(map); });
  all.entry.emplace(all.session, all.options.self);
  if (all.on_ordered) all.entry->set_state_handler(all.on_ordered);
  all.watcher.start();
  all.entry->start();
  all.session.start();
}

void backend::parts::on_map(const shard_router::shard_map_ptr& map) {
  fence->set_map(map, std::chrono::steady_clock::now());
  for (const auto& [executor, acceptor] : acceptors) {
    boost::asio::dispatch(executor, [weak = acceptor, epoch = map->epoch()] {
      const auto alive = weak.lock();
      if (!alive) return;
      alive->set_map_epoch(epoch);
      alive->on_fence_changed();
    });
  }
}

void backend::on_ordered(std::function<void(shard_router::backend_state)> call) {
  parts_->on_ordered = std::move(call);
  if (parts_->entry) parts_->entry->set_state_handler(parts_->on_ordered);
}

bool backend::start_draining() {
  if (parts_->session.state() != shard_router::zk_state::connected) return false;
  shard_router::backend_entry self = parts_->entry->self();
  self.state = shard_router::backend_state::draining;
  parts_->entry->update(std::move(self));
  return true;
}

void backend::start_leaving(std::function<void()> on_left) {
  parts& all = *parts_;
  all.on_left = std::move(on_left);
  all.leave_deadline.expires_after(all.options.leave_timeout);
  all.leave_deadline.async_wait([&all](const boost::system::error_code& cancelled) {
    if (!cancelled) all.finish_leaving();
  });
  all.entry->close([&all](const boost::system::error_code&) { all.finish_leaving(); });
}

void backend::parts::finish_leaving() {
  leave_deadline.cancel();
  if (const auto left = std::exchange(on_left, nullptr)) left();
}

shard_router::shard_map_ptr backend::map() const {
  return parts_->shards.current();
}

const shard_router::shard_counters& backend::counters() const {
  return parts_->session.counters();
}

}  // namespace presenter::protocol
