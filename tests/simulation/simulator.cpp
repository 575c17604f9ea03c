#include "tests/simulation/simulator.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "tests/support/frame_text.hpp"

namespace presenter::testing {

namespace limits = protocol::limits;
using protocol::link_role;

namespace {

constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t whenever = std::numeric_limits<std::int64_t>::max();

// What a frame may take beside its payload, README.md "Memory". Credit is the longest of those that
// a stream can have once in one output: 4 + 1 + 11 + 11 + 2.
constexpr std::size_t control_frame_bytes_max = 29;
constexpr std::size_t open_bytes = 64;          // as small as ours are
constexpr std::size_t link_frames_bytes = 256;  // Hello, GoAway, Ping, Pong, the link's Credit

}  // namespace

simulator::simulator(std::uint64_t seed, coverage& seen, const disturbance& disturb)
    : chance_(seed),
      plan_(chance_, seed),
      seen_(seen),
      disturb_(disturb),
      gateway_(plan_.gateway, plan_, plan_.backend.hello, chance_, seen),
      backend_(plan_.backend, plan_, plan_.gateway.hello, chance_, seen),
      to_backend_(gateway_, backend_, plan_),
      to_gateway_(backend_, gateway_, plan_),
      trace_(std::getenv("PRESENTER_TRACE") != nullptr) {
  gateway_.peer = &backend_;
  backend_.peer = &gateway_;
}

protocol::mux_clock::time_point simulator::now() const {
  return protocol::mux_clock::time_point{} + std::chrono::milliseconds(now_ms_);
}

bool simulator::run() {
  while (step_ < plan_.steps && !is_cut_ && !is_failed())
    take_step();
  if (!is_failed()) settle();
  if (!is_failed()) check_all_done();
  seen_.steps += static_cast<std::uint64_t>(step_);
  for (const simulated_end* end : {&gateway_, &backend_})
    seen_.late_frames += end->core.counters().late_frames;
  return !is_failed();
}

// --- one step

void simulator::take_step() {
  ++step_;
  if (step_ == plan_.go_away_step) {
    (plan_.go_away_by_gateway ? gateway_ : backend_).core.go_away(std::chrono::milliseconds(0));
  }
  switch (chance_.below(8)) {
    case 0:
    case 1:
      gateway_.act();
      break;
    case 2:
    case 3:
      backend_.act();
      break;
    case 4:
      push(to_backend_, 1 + chance_.below(plan_.piece_bytes_max));
      push(to_gateway_, 1 + chance_.below(plan_.piece_bytes_max));
      break;
    case 5:
      deliver(to_backend_, 1 + chance_.below(plan_.piece_bytes_max), now_ms_);
      break;
    case 6:
      deliver(to_gateway_, 1 + chance_.below(plan_.piece_bytes_max), now_ms_);
      break;
    default:
      pass_time(static_cast<std::int64_t>(chance_.below(8)));
      disturb_link();
  }
  gateway_.perhaps_change_process(32, now());
  gateway_.check_books();
  backend_.check_books();
  if (step_ == plan_.cut_step && disturb_.cut_after_bytes < 0) cut();
}

void simulator::disturb_link() {
  if (!plan_.link_stalls || !chance_.one_in(4)) return;
  simulated_wire& wire = (chance_.one_in(2) ? to_backend_ : to_gateway_).wire;
  wire.is_stalled = !wire.is_stalled;
  if (wire.is_stalled) ++seen_.link_stalls;
}

void simulator::pass_time(std::int64_t ms) {
  now_ms_ += ms;
  if (now_ms_ < next_tick_ms_) return;
  // At least once per half interval: the smallest is 20 ms, and a step takes 7 at the most.
  next_tick_ms_ = now_ms_ + 3;
  for (simulated_end* end : {&gateway_, &backend_}) {
    const bool was_suspect = end->core.is_suspect();
    end->core.on_time(now());
    if (!was_suspect && end->core.is_suspect()) ++seen_.suspect;
  }
}

// --- output: as a transport does it, which takes more only when all it took has left

bool simulator::push(direction& way, std::size_t most) {
  bool moved = false;
  while (most != 0 && way.wire.room() != 0) {
    if (way.in_flight.empty() && !way.from.output_told) break;
    if (way.in_flight.empty()) take_output(way);
    byte_buffer& part = way.in_flight.control.empty() ? way.in_flight.data : way.in_flight.control;
    const std::size_t n = std::min({most, part.size(), way.wire.room()});
    way.wire.put(part.bytes().first(n), now_ms_, chance_);
    part.consume(n);
    most -= n;
    moved = true;
    if (is_failed()) break;
  }
  return moved;
}

void simulator::take_output(direction& way) {
  way.from.output_told = false;
  way.from.core.take_output(way.in_flight);
  audit_output(way);
  check_bounds(way);
}

void simulator::audit_output(direction& way) {
  const auto audit = [&](const auto& frame) {
    way.audit.sent(frame);
    if constexpr (std::is_same_v<std::decay_t<decltype(frame)>, protocol::credit_frame>) {
      other(way).audit.granted(frame);
    }
    if (trace_) {
      const char* arrow = &way == &to_backend_ ? " → " : " ← ";
      std::cout << step_ << arrow << frame_text{}(frame) << "\n";
    }
  };
  for (auto data = way.in_flight.data.bytes(); !data.empty();) {
    const auto slice = protocol::slice_frame(data);
    EXPECT_LE(slice->body.size(), static_cast<std::size_t>(way.to.ours.frame_bytes_max))
        << "a larger frame than the peer takes";
    data = data.subspan(slice->size);
  }
  for_each_frame(way.in_flight.control.bytes(), audit);
  for_each_frame(way.in_flight.data.bytes(), audit);
}

// README.md, "Memory".
void simulator::check_bounds(direction& way) {
  const simulated_end& from = way.from;
  const std::size_t opened = from.streams.size() - way.streams_at_take;
  // Those that the core knew then or has learned of since.
  const std::size_t streams = way.known_at_take + opened;
  const std::size_t ends = streams * control_frame_bytes_max;
  // A Checkpoint goes with an Open, and one may come on top of the Data.
  const std::size_t checkpoint = plan_.hands_over ? 4 + limits::frame_bytes_max : 0;
  const std::size_t control_max = link_frames_bytes + 3 * ends + opened * (open_bytes + checkpoint);
  const std::size_t turn_frames = limits::stream_turn_bytes / (limits::frame_bytes_min - 64) + 1;
  const std::size_t data_max = limits::data_queue_bytes_max + limits::stream_turn_bytes +
                               turn_frames * protocol::data_overhead_max + 2 * ends +
                               (plan_.hands_over ? checkpoint + 2 * ends : 0);
  EXPECT_LE(way.in_flight.control.size(), control_max) << "control frames that wait";
  EXPECT_LE(way.in_flight.data.size(), data_max) << "Data that waits";
  // Buffers double, and ask for a whole frame at a time.
  EXPECT_LE(way.in_flight.data.capacity(), 2 * (data_max + limits::frame_bytes_max));
  if (way.in_flight.data.size() > limits::data_queue_bytes_max) ++seen_.queues_full;
  way.streams_at_take = from.streams.size();
  way.known_at_take = from.core.streams_open();
}

// --- input

bool simulator::deliver(direction& way, std::size_t most, std::int64_t until) {
  if (way.wire.empty()) return false;
  const bool is_ours = disturb_.towards_backend == (&way == &to_backend_);
  for (const std::int64_t border : {disturb_.cut_after_bytes, disturb_.split_after_bytes}) {
    if (is_ours && border > way.arrived) {
      most = std::min(most, static_cast<std::size_t>(border - way.arrived));
    }
  }
  const std::size_t held = way.held.size();
  way.wire.take(most, until, way.held);
  const std::size_t n = way.held.size() - held;
  if (n == 0) return false;
  way.arrived += static_cast<std::int64_t>(n);
  const std::size_t taken = way.to.input(way.held, now());
  way.held.erase(way.held.begin(), way.held.begin() + static_cast<std::ptrdiff_t>(taken));
  if (is_ours && way.arrived == disturb_.cut_after_bytes) close_both();
  return true;
}

// --- the end of the link

void simulator::cut() {
  ++seen_.cuts;
  switch (plan_.cut) {
    case cut_kind::none:
    case cut_kind::kinds_max:
      break;
    case cut_kind::both_at_once:
      return close_both();
    case cut_kind::gateway_first:
      return close_first(to_backend_, to_gateway_);
    case cut_kind::backend_first:
      return close_first(to_gateway_, to_backend_);
    case cut_kind::silence:
      return fall_silent();
  }
}

void simulator::close_both() {
  is_cut_ = true;
  to_backend_.wire.cut();
  to_gateway_.wire.cut();
  gateway_.core.close();
  backend_.core.close();
}

// One side closes; what it had sent arrives, and then the end.
void simulator::close_first(direction& last_words, direction& lost) {
  is_cut_ = true;
  lost.wire.cut();
  last_words.wire.is_stalled = false;
  last_words.from.core.close();
  while (deliver(last_words, 1 + chance_.below(plan_.piece_bytes_max), whenever))
    if (chance_.one_in(4)) last_words.to.act();
  last_words.wire.cut();
  last_words.to.core.close();
}

// Both must find out by themselves, within dead_after and one tick.
void simulator::fall_silent() {
  is_cut_ = true;
  to_backend_.wire.cut();
  to_gateway_.wire.cut();
  gateway_.expects_failure = backend_.expects_failure = true;
  const std::int64_t dead_ms = now_ms_ + plan_.gateway.dead_after.count() + 8;
  while (now_ms_ < dead_ms) {
    pass_time(7);
    if (chance_.one_in(16)) gateway_.act();
    if (chance_.one_in(16)) backend_.act();
  }
  EXPECT_TRUE(gateway_.failed && backend_.failed) << "a dead link was not found";
}

// --- winding up: no more surprises, time stands still

void simulator::settle() {
  if (is_cut_) return run_until_quiet(true);
  to_backend_.wire.is_stalled = to_gateway_.wire.is_stalled = false;
  run_until_quiet(false);
  if (is_failed()) return;
  check_unstalled_done();
  if (!is_failed()) run_until_quiet(true);
}

// A round in which nothing moves is the end: nobody has anything to do, or a deadlock.
void simulator::run_until_quiet(bool lifted) {
  // Each round moves each direction of a stream by a quarter of its window at the least, or else
  // the link by a quarter of its own. Twice that, for openings, answers and ends.
  const auto rounds_of = [&](const protocol::hello_frame& hello) {
    const std::size_t all = plan_.content_bytes_max * static_cast<std::size_t>(plan_.streams);
    return 4 * plan_.content_bytes_max / static_cast<std::size_t>(hello.stream_window_bytes) +
           4 * all / static_cast<std::size_t>(hello.link_window_bytes);
  };
  std::size_t rounds_left = (plan_.hands_over ? 400 : 100) +
                            16 * static_cast<std::size_t>(plan_.streams) +
                            2 * (rounds_of(plan_.gateway.hello) + rounds_of(plan_.backend.hello));
  while (round(lifted) && !is_failed()) {
    ++step_;
    if (rounds_left-- == 0) {
      ADD_FAILURE() << "it goes on and on";
      return;
    }
  }
}

bool simulator::round(bool lifted) {
  bool moved = gateway_.act_fully(lifted);
  moved = backend_.act_fully(lifted) || moved;
  for (direction* way : {&to_backend_, &to_gateway_}) {
    // A small socket takes and gives many times in a round.
    while (!is_failed() && (push(*way, everything) || !way->wire.empty())) {
      moved = true;
      const std::size_t piece = std::max<std::size_t>(plan_.piece_bytes_max, 64);
      if (!deliver(*way, 1 + chance_.below(piece), whenever)) break;
    }
  }
  gateway_.perhaps_change_process(4, now());
  gateway_.check_books();
  backend_.check_books();
  return moved;
}

// A stream that stalls holds up nobody but itself.
void simulator::check_unstalled_done() {
  if (is_cut_) return;
  const auto is_stalled = [](const scripted_stream* stream) {
    return stream != nullptr && stream->script.reads == reading::stalled;
  };
  for (const auto& [end, peer] : {std::pair{&gateway_, &backend_}, std::pair{&backend_, &gateway_}})
    for (const scripted_stream* stream : end->live())
      EXPECT_TRUE(is_stalled(stream) || is_stalled(peer->find(stream->id)))
          << "stream " << stream->id.value << " waits at the "
          << (end == &gateway_ ? "gateway" : "backend") << ", and does not stall";
  if (!gateway_.core.is_going_away()) {
    EXPECT_EQ(gateway_.streams_to_open(), 0) << "streams that could not be opened";
    EXPECT_EQ(gateway_.streams_to_continue(), 0U) << "clients that go on nowhere";
  }
}

void simulator::check_all_done() {
  for (const simulated_end* end : {&gateway_, &backend_}) {
    EXPECT_TRUE(end->all_released()) << "deadlock: " << end->live().size() << " streams wait";
    EXPECT_EQ(end->core.streams_open(), 0U) << "streams that are never over";
    if (!is_cut_) {
      EXPECT_FALSE(end->core.is_over());
      EXPECT_EQ(end->core.link_bytes_buffered(), 0);
      EXPECT_GE(end->core.link_credit(), end->peers.link_window_bytes / 2) << "link credit lost";
    }
  }
  if (!is_cut_) {
    EXPECT_EQ(to_backend_.audit.link_credit(), gateway_.core.link_credit());
    EXPECT_EQ(to_gateway_.audit.link_credit(), backend_.core.link_credit());
  }
  for (const auto& stream : backend_.streams) {
    const scripted_stream& at_gateway = *gateway_.find(stream->id);
    check_stream(at_gateway, *stream);
    check_stream(*stream, at_gateway);
  }
}

// That what arrived is what was sent, byte by byte, is checked when it arrives: here is the end.
void simulator::check_stream(const scripted_stream& from, const scripted_stream& to) {
  if (!from.awaits_checkpoint) {
    EXPECT_LE(to.received, from.sent);
  }
  if (to.peer_finished) {
    EXPECT_EQ(to.received, from.script.content_bytes) << to.id.value << " finished early";
  }
  const bool ended = to.ended || to.abandoned;
  EXPECT_TRUE(to.is_complete() || ended) << to.id.value << " ended without a reason";
  if (is_cut_ || to.abandoned) return;
  EXPECT_TRUE(!to.ended || from.abandoned || to.handed || from.lied)
      << to.id.value << " ended, and nobody had asked for it";
  if (from.reset_behind_data && !from.ended) {
    EXPECT_EQ(to.received, from.sent) << to.id.value << " a reset overtook its data";
  }
}

}  // namespace presenter::testing
