#include "gateway/balance/watched_node.hpp"

#include <chrono>
#include <utility>

namespace presenter::gateway {

using boost::system::error_code;
using shard_router::zk_errc;
using shard_router::zk_state;

namespace {

constexpr std::chrono::seconds reread_after{1};

}  // namespace

watched_node::watched_node(shard_router::zk_session& session, std::string_view path,
                           handler on_data)
    : session_(session),
      path_(path),
      on_data_(std::move(on_data)),
      retry_timer_(session.executor()) {
  session_.add_listener(*this);
  read();
}

watched_node::~watched_node() {
  session_.remove_listener(*this);
}

void watched_node::on_session_state(zk_state state) {
  reads_.renew();
  retry_timer_.cancel();
  if (state == zk_state::connected) read();
}

void watched_node::on_node_event(std::string_view path) {
  if (path == path_) read();
}

void watched_node::read() {
  if (session_.state() != zk_state::connected) return;
  reads_.renew();
  session_.get_data(path_, reads_.bind([this](error_code failed, const std::string& data,
                                              const shard_router::zk_stat&) {
    if (failed == zk_errc::no_node) return look_for_it();
    if (failed) return retry_later();
    on_data_(data);
  }));
}

// A watch for its coming.
void watched_node::look_for_it() {
  session_.exists(path_, reads_.bind([this](error_code failed) {
    if (!failed) return read();
    if (failed != zk_errc::no_node) return retry_later();
    on_data_(std::nullopt);
  }));
}

// After a disconnect the session's return makes us read.
void watched_node::retry_later() {
  retry_timer_.expires_after(reread_after);
  retry_timer_.async_wait(life_.bind([this](error_code cancelled) {
    if (!cancelled) read();
  }));
}

}  // namespace presenter::gateway
