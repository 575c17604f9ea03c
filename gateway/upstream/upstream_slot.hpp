// One place for a link to one backend: connects, and connects again with growing, jittered pauses
// for as long as the backend is in the shard map.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/backoff.hpp"
#include "base/net/connector.hpp"
#include "base/net/resolver.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/operate/worker_thread.hpp"
#include "gateway/upstream/upstream_link.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

class upstream_slot;

// What a worker has to do with one backend.
struct backend_use {
  std::size_t streams = 0;
  std::size_t links_up = 0;
  std::size_t links_suspect = 0;  // of them: silent or without credit, and given no new streams
  std::size_t links_wanted = 0;   // 0: it has left the map
  std::size_t links_handing = 0;  // of those that are up: streams can be handed over on them

  backend_use& operator+=(const backend_use& other);
};

// What all links of a worker share. Constant but for the random numbers and the names' addresses.
struct upstream_context {
  boost::asio::io_context& io;
  const config& settings;
  worker_metrics& metrics;
  const worker_thread& thread;
  protocol::link_loop loop;
  std::string node;                    // this gateway's name, for Hello
  std::function<void()> on_input_end;  // after each gulp of any link
  // A link came up, takes streams again, or has gone: others of the backend may do.
  std::function<void(const upstream_slot&)> on_room;
  // A link came up; or it was broken, and a new connection has been refused.
  std::function<void(const upstream_slot&)> on_up;
  std::function<void(const upstream_slot&)> on_refused;
  // The backend has announced that it will close the slot's link: another is needed beside it.
  std::function<void(upstream_slot&)> on_leaving;
  std::minstd_rand random{std::random_device{}()};
  net::resolver names{
      io.get_executor(), {}, [this](net::lookup_result result) { metrics.lookups[result].add(); }};
};

// Life: held by the pool and by its own waits. Confined to: the worker's thread; the context
// outlives all calls that the io_context still makes.
class upstream_slot final : public std::enable_shared_from_this<upstream_slot>,
                            private upstream_link_owner {
 public:
  upstream_slot(upstream_context& context, shard_router::backend_entry server);

  // Begins to connect: at once, or in place of `before` after the pause that one would make.
  void start();
  void start_after(upstream_slot& before);

  // In place of start: goes on with a link that another process has frozen, and does nothing before
  // serve(). Throws boost::system::system_error if it cannot.
  void adopt(protocol::mux_link_state state, bool is_retired,
             protocol::mux_clock::time_point up_since);
  void serve();
  // For another process. Nothing: there is no link, or it is being closed.
  std::optional<protocol::mux_link_state> freeze();
  const std::shared_ptr<upstream_link>& link() const { return link_; }

  // The backend has left the map or closes this link, or the gateway ends: GoAway, no further
  // connect. The link lives on until its last stream has ended.
  void retire();

  // Closes a retired link that has no stream left. `linger`: for output that is still to leave.
  void close_if_empty(std::chrono::milliseconds linger);
  void close(std::chrono::milliseconds linger);

  // Of the link, into the metrics: once in a tick, for those who look.
  void count_traffic() {
    if (link_ != nullptr) link_->count_traffic(context_.metrics);
  }

  // The link, if it takes new streams now.
  std::shared_ptr<upstream_link> link_for_new_stream() const;

  // It is up and well: a link that takes no stream now is full.
  bool is_serving() const {
    return is_ready() && !link_->core().is_over() && !link_->core().is_suspect() &&
           !link_->core().is_going_away();
  }

  const shard_router::backend_entry& server() const { return server_; }
  bool is_ready() const { return link_ != nullptr && link_->core().is_ready(); }
  // Its link was broken by the backend's host, which refused the last attempt to connect.
  bool is_refused() const { return trace_ == trace::refused; }
  protocol::mux_clock::time_point up_since() const { return up_since_; }
  // Its link has come up since.
  bool came_up_after(protocol::mux_clock::time_point when) const {
    return is_ready() && up_since_ > when;
  }
  bool takes_handoffs() const { return link_ != nullptr && link_->core().takes_handoffs(); }
  std::size_t streams_open() const { return link_ != nullptr ? link_->core().streams_open() : 0; }
  backend_use use() const;  // of a slot that has not been retired
  std::size_t memory_bytes() const { return link_ ? link_->core().memory_bytes() : 0; }
  bool is_gone() const { return is_retired_ && link_ == nullptr; }
  bool is_retired() const { return is_retired_; }

 private:
  // What the backend's host has shown since the link was up.
  enum class trace : std::uint8_t { none, broken, refused };

  std::string where() const;  // "chat-a.example:7000"
  void resolve();
  void on_resolved(const net::resolved_name& name);
  void connect(const net::addresses& all);
  void on_connected(boost::system::error_code failed, protocol::link_socket socket,
                    const std::vector<net::connect_attempt>& attempts);
  void on_connect_failed(std::string_view what, std::string_view why);
  void note_connect(boost::system::error_code failed,
                    const std::vector<net::connect_attempt>& attempts);
  void connect_later();
  void forget_failures();

  // upstream_link_owner
  void on_link_ready(upstream_link& link) override;
  void on_link_can_open(upstream_link& link) override;
  void on_link_stream_error(protocol::reset_reason reason) override;
  void on_link_go_away(upstream_link& link, const protocol::go_away_frame& go_away) override;
  void on_link_suspect(upstream_link& link, bool is_suspect) override;
  void on_link_input_end() override;
  void on_link_closed(upstream_link& link, boost::system::error_code reason) override;

  upstream_context& context_;
  const shard_router::backend_entry server_;
  std::shared_ptr<net::connector> connector_;  // while it connects
  protocol::link_timer timer_;                 // of the pause
  std::shared_ptr<upstream_link> link_;
  backoff pause_;
  // Kept by the slot that takes this one's place: a backend that leaves each link is as loud.
  struct {
    log_pace failures{1, std::chrono::minutes(1)};
    log_pace stale{1, std::chrono::minutes(1)};
    log_pace up{3, std::chrono::minutes(1)};
    log_pace silent{3, std::chrono::minutes(1)};
    log_pace leaving{3, std::chrono::minutes(1)};
    log_pace over{3, std::chrono::minutes(1)};
  } said_;
  protocol::mux_clock::time_point up_since_;
  trace trace_ = trace::none;
  bool is_suspect_ = false;
  bool is_retired_ = false;
};

}  // namespace presenter::gateway
