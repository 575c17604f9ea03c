#include "bench/chat_backend/departure.hpp"

#include <utility>

namespace presenter::chat_backend {
namespace {

// Between two looks whether a stream is left.
constexpr std::chrono::milliseconds look_interval{50};

}  // namespace

departure::departure(boost::asio::io_context& io, chat_server& server, protocol::backend* member,
                     std::chrono::milliseconds empty_timeout, std::function<void()> on_gone)
    : server_(server),
      member_(member),
      empty_timeout_(empty_timeout),
      on_gone_(std::move(on_gone)),
      timer_(io) {}

void departure::start() {
  is_final_ = true;
  if (stage_ != stage::staying) return;
  // Whom nobody hears, nobody empties.
  if (member_ == nullptr || !member_->start_draining()) return leave();
  start_emptying();
}

void departure::on_ordered(shard_router::backend_state state) {
  if (is_final_ || stage_ == stage::leaving) return;
  if (state == shard_router::backend_state::draining) return start_emptying();
  stage_ = stage::staying;
  timer_.cancel();
}

void departure::start_emptying() {
  if (std::exchange(stage_, stage::emptying) == stage::emptying) return;
  leave_at_ = std::chrono::steady_clock::now() + empty_timeout_;
  look_again();
}

void departure::look_again() {
  timer_.expires_after(look_interval);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stage_ != stage::emptying) return;
    const bool is_empty = server_.acceptor().counters().streams_open == 0;
    if (is_empty || std::chrono::steady_clock::now() >= leave_at_) return leave();
    look_again();
  });
}

// Out of the map first, so that no new stream is on its way while the last ones end.
void departure::leave() {
  stage_ = stage::leaving;
  const auto drain = [this] { server_.start_draining(on_gone_); };
  if (member_ == nullptr) return drain();
  member_->start_leaving(drain);
}

}  // namespace presenter::chat_backend
