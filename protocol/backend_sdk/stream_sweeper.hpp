// Ends the streams that a backend serves and should not: their keys have gone to another backend,
// and no gateway has moved them. At a pace, for each of them is a client that comes back.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>

#include "base/life_token.hpp"
#include "base/token_bucket.hpp"
#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/backend_sdk/stream_state.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::protocol {

// Life: a member of the acceptor; streams leave by themselves. Confined to: the acceptor's thread.
// Bounds: looks_per_step streams at a stretch, moves_per_second of the options, which outlive it.
class stream_sweeper {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  stream_sweeper(const link_executor& executor, const acceptor_options& options);

  // A stream that has just been accepted.
  void add(stream_state& stream) { settled_.push_back(stream); }

  // The fence may not serve all of them any more: looks at each, `move_after` from now, or from an
  // earlier change whose looking has not begun.
  void start(time_point now);

  void stop();

  std::uint64_t streams_moved() const { return moved_; }

 private:
  using list = boost::intrusive::list<stream_state, boost::intrusive::base_hook<sweep_hook>,
                                      boost::intrusive::constant_time_size<false>>;

  void wait(time_point until);
  void step(time_point now);

  const acceptor_options& options_;
  link_timer timer_;
  token_bucket pace_;
  list settled_;   // served, when last looked at
  list to_check_;  // not looked at since the last change
  bool is_waiting_ = false;
  std::uint64_t moved_ = 0;
  life_token life_;
};

}  // namespace presenter::protocol
