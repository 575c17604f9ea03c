#include "gateway/upstream/upstream_link.hpp"

#include <utility>

namespace presenter::gateway {

upstream_link::upstream_link(protocol::link_socket socket, const protocol::mux_options& options,
                             upstream_link_owner& owner, const protocol::link_loop& loop)
    : mux_link(std::move(socket), options, loop), owner_(owner) {}

upstream_link::upstream_link(protocol::link_socket socket, const protocol::mux_options& options,
                             protocol::mux_link_state state, upstream_link_owner& owner,
                             const protocol::link_loop& loop)
    : mux_link(std::move(socket), options, std::move(state), loop), owner_(owner) {}

void upstream_link::count_traffic(worker_metrics& metrics) {
  const protocol::link_counters now = counters();
  metrics.link_bytes[link_direction::received].add(now.bytes_received - counted_.bytes_received);
  metrics.link_bytes[link_direction::sent].add(now.bytes_sent - counted_.bytes_sent);
  metrics.link_reads.add(now.reads - counted_.reads);
  metrics.link_sends.add(now.sends - counted_.sends);
  counted_ = now;
  const protocol::mux_counters frames = core().counters();
  metrics.link_frames_received.add(frames.frames_received - counted_frames_.frames_received);
  metrics.link_late_frames.add(frames.late_frames - counted_frames_.late_frames);
  metrics.deposits.add(frames.deposits - counted_frames_.deposits);
  metrics.deposits_dropped.add(frames.deposits_dropped - counted_frames_.deposits_dropped);
  counted_frames_ = frames;
}

void upstream_link::on_ready(const protocol::hello_frame&) {
  owner_.on_link_ready(*this);
}

// mux_core fails a link on which a backend opens streams before it would ask here.
protocol::stream_handler* upstream_link::on_open(protocol::stream_id, const protocol::open_frame&) {
  return nullptr;
}

void upstream_link::on_go_away(const protocol::go_away_frame& go_away) {
  owner_.on_link_go_away(*this, go_away);
}

void upstream_link::on_can_open() {
  owner_.on_link_can_open(*this);
}

void upstream_link::on_stream_error(protocol::reset_reason reason) {
  owner_.on_link_stream_error(reason);
}

void upstream_link::on_input_end() {
  owner_.on_link_input_end();
}

void upstream_link::on_suspect(bool is_suspect) {
  owner_.on_link_suspect(*this, is_suspect);
}

void upstream_link::on_closed(boost::system::error_code reason) {
  owner_.on_link_closed(*this, reason);
}

}  // namespace presenter::gateway
