// The gateway's end of one link: a mux_link that tells its pool what happens to it.
#pragma once

#include <boost/system/error_code.hpp>
#include <memory>

#include "gateway/operate/metrics.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::gateway {

class upstream_link;

// The pool, as a link sees it. All calls come from the worker's thread.
class upstream_link_owner {
 public:
  virtual void on_link_ready(upstream_link& link) = 0;
  virtual void on_link_can_open(upstream_link& link) = 0;
  // The backend broke a rule of one stream.
  virtual void on_link_stream_error(protocol::reset_reason reason) = 0;
  // The backend takes no new streams; with a reason above 0 it closes the link at once.
  virtual void on_link_go_away(upstream_link& link, const protocol::go_away_frame& go_away) = 0;
  // Every frame of one read has been delivered: what clients were given can be flushed now.
  virtual void on_link_input_end() = 0;
  // The link has been silent too long to be given new streams, or is not any more.
  virtual void on_link_suspect(upstream_link& link, bool is_suspect) = 0;
  virtual void on_link_closed(upstream_link& link, boost::system::error_code reason) = 0;

 protected:
  ~upstream_link_owner() = default;
};

// Life: held by its slot in the pool, and by each relay whose stream it carries.
// Confined to: the worker's thread. The owner is there until on_link_closed, the last call.
class upstream_link final : public protocol::mux_link {
 public:
  upstream_link(protocol::link_socket socket, const protocol::mux_options& options,
                upstream_link_owner& owner, const protocol::link_loop& loop);

  // One that another process has frozen.
  upstream_link(protocol::link_socket socket, const protocol::mux_options& options,
                protocol::mux_link_state state, upstream_link_owner& owner,
                const protocol::link_loop& loop);

  // Adds what has passed since the last time.
  void count_traffic(worker_metrics& metrics);

 private:
  void on_ready(const protocol::hello_frame& peer) override;
  protocol::stream_handler* on_open(protocol::stream_id stream,
                                    const protocol::open_frame& open) override;
  void on_go_away(const protocol::go_away_frame& go_away) override;
  void on_can_open() override;
  void on_stream_error(protocol::reset_reason reason) override;
  void on_input_end() override;
  void on_suspect(bool is_suspect) override;
  void on_closed(boost::system::error_code reason) override;

  upstream_link_owner& owner_;
  protocol::link_counters counted_;  // in the metrics already
  protocol::mux_counters counted_frames_;
};

}  // namespace presenter::gateway
