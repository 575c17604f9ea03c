#include "gateway/shard_source.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>
#include <utility>

#include "shard_router/map_file.hpp"

namespace presenter::gateway {

struct shard_source::zookeeper {};

shard_source::shard_source(boost::asio::io_context& control, const shards_config& settings,
                           std::function<void(const map_ptr&)> on_map)
    : control_(control), settings_(settings), on_map_(std::move(on_map)) {}

shard_source::~shard_source() = default;

void shard_source::start() {
  if (!settings_.file) return;
  const auto loaded = shard_router::load_map_file(*settings_.file);
  if (loaded.map == nullptr) throw std::runtime_error(loaded.errors.front().to_string());
  on_map_(loaded.map);
}

void shard_source::stop() {}

}  // namespace presenter::gateway
