#include "bench/chat_backend/registration.hpp"

#include <stdexcept>
#include <utility>

namespace presenter::chat_backend {

namespace {

shard_router::zk_session_options options_of(const std::string& zookeeper) {
  const auto address = shard_router::parse_zk_address(zookeeper);
  if (!address) {
    throw std::invalid_argument("--zookeeper " + zookeeper + ": " + address.error().message());
  }
  shard_router::zk_session_options options;
  options.address = *address;
  return options;
}

}  // namespace

registration::registration(boost::asio::io_context& io, const std::string& zookeeper,
                           shard_router::server self)
    : session_(io.get_executor(), options_of(zookeeper)),
      entry_(session_, std::move(self)),
      deadline_(io) {
  entry_.start();
  session_.start();
}

void registration::start_leaving(std::function<void()> on_left) {
  on_left_ = std::move(on_left);
  deadline_.expires_after(leave_deadline);
  deadline_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) finish_leaving();
  });
  entry_.close([this](const boost::system::error_code&) { finish_leaving(); });
}

void registration::finish_leaving() {
  deadline_.cancel();
  if (const auto left = std::exchange(on_left_, nullptr)) left();
}

}  // namespace presenter::chat_backend
