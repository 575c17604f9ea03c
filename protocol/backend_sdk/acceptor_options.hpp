// What a backend says about itself, its limits, which streams it serves; what it is told of its
// links, and what an acceptor counts.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/export.hpp"
#include "protocol/backend_sdk/stream_fence.hpp"
#include "protocol/limits.hpp"
#include "protocol/stream_facts.hpp"

namespace presenter::protocol {

enum class link_change {
  up,         // a gateway has said Hello: streams may come
  suspect,    // silent, or without credit for us, for two ping intervals: no new streams come
  recovered,  // not suspect any more
  lost,       // over, and all streams on it with it; follows an `up`
};

// What has happened to a gateway's link.
struct link_event {
  link_change change = link_change::up;
  std::string gateway = {};  // the name in its Hello, if it has one
  boost::asio::ip::tcp::endpoint address = {};
  boost::system::error_code reason = {};  // with `lost`; success: an orderly end
};

// Every member has a default, so that a program may name just those that it sets.
struct acceptor_options {
  std::string node = {};       // this backend's name in the map, ≤ limits::node_bytes_max
  std::int64_t map_epoch = 0;  // announced in Hello; 0: none yet

  // Streams may begin with bytes of TLS early data, which whoever recorded them can have sent
  // again, through another gateway even: `info().early_data` tells. Only for an application that
  // does nothing twice, or nothing of weight, on such bytes. protocol/README.md §4.2.
  bool takes_early_data = false;

  // Streams are given up to other backends of the fleet and taken over from them, unseen by their
  // clients: for an application that waits by async_wait_handoff, and that goes on where
  // `info().continued` says. One that does not know of it would take a client in the middle of a
  // conversation for a new one, so this is off unless it is asked for.
  // protocol/backend_sdk/README.md.
  bool hands_over = false;

  // Unread input of one stream, and of all streams of one link, in bytes.
  std::int32_t stream_window_bytes = limits::stream_window_bytes_default;
  std::int64_t link_window_bytes = limits::link_window_bytes_default;

  // Per link: streams at a time, those of them not accepted yet, and new ones (beyond which they
  // are refused as busy).
  std::int32_t streams_open_max = limits::streams_open_max_default;
  std::int32_t streams_opening_max = limits::streams_opening_max_default;
  std::int32_t opens_per_second = limits::opens_per_second_default;

  std::chrono::milliseconds ping_interval = limits::ping_interval_default;
  std::chrono::milliseconds dead_after = limits::dead_after_default;

  // Every worker of every gateway brings links_per_worker of them; further ones are closed at once.
  std::size_t links_max = 4'096;

  // Streams that wait for async_accept; further ones are refused: busy, retry after `busy_retry`.
  // A reconnect storm's worth for one turn of the loop; more only means that nobody accepts.
  std::size_t accept_backlog = 4'096;
  std::chrono::milliseconds busy_retry{1'000};

  // How long a stream that this side has closed waits for the peer to finish, see
  // mux_stream::close.
  std::chrono::milliseconds linger{5'000};

  // Pause after accept(2) failed (no descriptor left, say).
  std::chrono::milliseconds accept_pause{100};

  // Several acceptors listen on one address, each with its own io_context and thread: the kernel
  // spreads the gateways' links over them (SO_REUSEPORT). All of them have to ask for it.
  bool shares_port = false;

  // Told of every change of a link, on the acceptor's thread. It must not call the acceptor.
  std::function<void(const link_event&)> on_link = {};

  // Asked for every new stream, on the acceptor's thread; empty: all are served. It must not call
  // the acceptor.
  std::function<std::optional<refusal>(const open_frame&)> admit = {};

  // Asked behind `admit`, and once more when a stream is about to be accepted; empty: all may be
  // served. After a change of its answers call mux_acceptor::on_fence_changed.
  std::shared_ptr<stream_fence> fence = {};

  // Streams that the fence holds: how many, how many bytes that came behind their Opens, and how
  // long. A map takes less than a second to arrive. An Open that is held for longer is refused as
  // busy, and so is one above the number that is held.
  std::size_t held_max = 4'096;
  std::size_t held_bytes_max = 16 * 1'024 * 1'024;
  std::chrono::milliseconds hold_timeout{2'000};

  // Streams that have been accepted and that the fence does not serve any more are reset as `moved`
  // by this side `move_after` a change, `moves_per_second` at a time (0: all at once). The gateways
  // see the same map and move them at their own pace long before; this is for those that do not.
  std::chrono::milliseconds move_after{300'000};
  std::int32_t moves_per_second = 200;
};

// Throws std::invalid_argument, naming the option, when a peer could not accept what these announce
// (protocol/README.md §7).
PRESENTER_EXPORT void check(const acceptor_options& options);

struct acceptor_counters {
  std::uint64_t links_accepted = 0;
  std::uint64_t links_refused = 0;  // above links_max
  std::uint64_t links_failed = 0;   // ended by an error
  std::uint64_t accept_errors = 0;  // accept(2) failed
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_accepted = 0;  // handed to the application
  std::uint64_t streams_refused = 0;
  std::uint64_t streams_abandoned = 0;    // ended before anybody accepted them
  std::uint64_t streams_limited = 0;      // refused as above opens_per_second
  std::uint64_t stream_errors = 0;        // streams reset because a gateway broke a rule
  std::uint64_t streams_moved = 0;        // ended as the fence does not serve them any more
  std::uint64_t streams_not_owned = 0;    // of streams_refused: not_owner
  std::uint64_t streams_handed_over = 0;  // given up to other backends
  std::uint64_t streams_continued = 0;    // of streams_accepted: taken over from others
  std::size_t streams_held = 0;           // now, by the fence
  std::size_t links_open = 0;             // now
  std::size_t streams_open = 0;           // now: what the peer counts, closed ones that linger too
  std::size_t streams_waiting = 0;        // now, for async_accept
};

}  // namespace presenter::protocol
