// What a seed decides before the first step: the two Hellos, the link's temper, and where it ends.
// What each stream does is drawn when it opens (stream_script).
#pragma once

#include <chrono>
#include <cstdint>

#include "protocol/mux/mux_core.hpp"
#include "tests/simulation/dice.hpp"

namespace presenter::testing {

// How the link ends before its streams do, if it does.
enum class cut_kind {
  none,
  both_at_once,   // both sockets fail; what is under way is lost
  gateway_first,  // the gateway closes; what it has sent still arrives, then the end
  backend_first,  // the other way round
  silence,        // nothing arrives any more, and nobody is told
  kinds_max
};

// tiny: the least windows there are. mixed: any. narrow: wide streams on a link that holds two of
// them, so that the link's credit is what all wait for. wide: the link's queue is what all wait
// for.
enum class flavour { tiny, mixed, narrow, wide };

struct schedule_plan {
  schedule_plan(dice& dice, std::uint64_t seed);

  flavour kind;
  protocol::mux_options gateway;
  protocol::mux_options backend;
  int steps;                      // of the random phase
  int streams;                    // that the gateway opens in all
  int streams_stalled_max;        // so many may stall for ever without the others having to wait
  std::size_t content_bytes_max;  // of one direction of one stream
  std::size_t socket_bytes;       // what the network holds in one direction before it takes no more
  std::size_t piece_bytes_max;    // largest piece delivered
  std::int64_t delay_ms_max;
  bool link_stalls;       // either direction takes nothing for a while, now and then
  int go_away_step = -1;  // −1: never
  bool go_away_by_gateway = false;
  cut_kind cut = cut_kind::none;
  int cut_step = -1;
  // Streams go from backend to backend, which are one here: the next stream of the link.
  bool hands_over = false;
  // Else another process goes on with the gateway's end, now and then.
  bool stays_in_process = false;
  std::uint64_t seed = 0;
};

enum class reading { at_once, in_pieces, stalled };
enum class answering { at_once, late, refuse_at_once, refuse_late };
enum class leaving { when_done, reset_after_sent, release_after_sent, reset_after_received };

// What one side's application does with one stream.
struct stream_script {
  stream_script(dice& dice, const schedule_plan& plan, protocol::link_role role, bool may_stall);

  std::size_t content_bytes;  // that it sends
  std::size_t piece_bytes_max;
  bool answers_only = false;  // sends nothing before the peer's Finish; backend only
  reading reads;
  answering answers;  // backend only
  leaving leaves;
  std::size_t leave_after;  // bytes, for the three ways that are not `when_done`
  bool is_hasty;  // releases with bytes that it has not consumed, once both sides are done
};

}  // namespace presenter::testing
