#include "tests/simulation/simulated_end.hpp"

#include <memory>
#include <utility>

#include "tests/support/frame_text.hpp"

namespace presenter::testing {

using protocol::link_role;

simulated_end::simulated_end(const protocol::mux_options& options, const schedule_plan& what,
                             const protocol::hello_frame& peer, dice& dice, coverage& covered)
    : role(options.hello.role),
      plan(what),
      ours(options.hello),
      peers(peer),
      chance(dice),
      moves(2 * what.seed + static_cast<std::uint64_t>(options.hello.role)),
      upgrades(3 * what.seed + 1),
      seen(covered),
      options_(options),
      streams_to_open_(options.hello.role == link_role::gateway ? what.streams : 0),
      core(options, *this, protocol::mux_clock::time_point{}) {}

// --- link_handler

void simulated_end::on_ready(const protocol::hello_frame& peer) {
  EXPECT_EQ(peer, peers);
  link_credit = peers.link_window_bytes;
  may_open_ = role == link_role::gateway;
}

protocol::stream_handler* simulated_end::on_open(protocol::stream_id id,
                                                 const protocol::open_frame& open) {
  const protocol::stream_id before{open.continued ? std::stoll(open.continued->node) : 0};
  scripted_stream& stream = open.continued ? add_continued(id, find(before)->script) : add(id);
  if (open.continued)
    stream.go_on({before, find(before)->client, stream.script, 0, 0, {}, false, 1});
  if (stream.script.answers == answering::refuse_at_once) {
    stream.released = stream.abandoned = true;
    core.refuse({id, protocol::refuse_reason::denied, {}, {}});
    return nullptr;
  }
  if (stream.script.answers == answering::at_once) {
    stream.accepted = true;
    core.accept(id);
  }
  return &stream;
}

void simulated_end::on_can_open() {
  EXPECT_TRUE(core.can_open());
  may_open_ = true;
}

void simulated_end::on_failed(boost::system::error_code reason) {
  EXPECT_TRUE(expects_failure) << "link failed: " << reason.message();
  EXPECT_FALSE(std::exchange(failed, true)) << "failed twice";
  ++seen.timeouts;
}

// --- the application

scripted_stream& simulated_end::add(protocol::stream_id id) {
  EXPECT_EQ(static_cast<std::size_t>(id.value), streams.size() + 1) << "ids are 1, 2, 3, …";
  const schedule_plan& p = plan;
  // The first few streams are the ones that may stall: on one side, so that they are counted once.
  const bool may_stall = id.value <= p.streams_stalled_max &&
                         (id.value % 2 == 0) == (role == link_role::gateway) && chance.one_in(2);
  if (may_stall) ++seen.stalled_readers;
  ++seen.streams;
  return add(id, stream_script(chance, p, role, may_stall));
}

scripted_stream& simulated_end::add_continued(protocol::stream_id id, stream_script script) {
  // Its last stream may pin a window until the end: so many may stall, and no more.
  if (script.reads == reading::stalled) script.reads = reading::in_pieces;
  ++seen.streams;
  if (role == link_role::backend && moves.one_in(6)) {
    script.answers = moves.one_in(2) ? answering::refuse_at_once : answering::refuse_late;
  }
  return add(id, script);
}

scripted_stream& simulated_end::add(protocol::stream_id id, const stream_script& script) {
  streams.push_back(std::make_unique<scripted_stream>(*this, id, script));
  live_.push_back(streams.back().get());
  return *streams.back();
}

bool simulated_end::continue_one() {
  continuation next = std::move(to_continue_.front());
  to_continue_.pop_front();
  protocol::open_frame open;
  open.key = "k";
  open.continued = {protocol::continue_cause::rebalanced, std::to_string(next.before.value)};
  const protocol::stream_id id{core.highest_opened().value + 1};
  scripted_stream& stream = add_continued(id, next.script);
  ++seen.continued;
  stream.go_on(next);
  const protocol::checkpoint_frame checkpoint{{},         next.consumed, next.produced, next.state,
                                              "not sent", true,          next.finished};
  EXPECT_EQ(core.open_continued(std::move(open), checkpoint, stream), id);
  return true;
}

bool simulated_end::open_one() {
  if ((streams_to_open_ == 0 && to_continue_.empty()) || !may_open_) return false;
  if (!core.can_open()) {
    // From here on it waits to be told.
    may_open_ = false;
    ++seen.could_not_open;
    return false;
  }
  if (!to_continue_.empty()) return continue_one();
  --streams_to_open_;
  protocol::open_frame open;
  open.key = "k";
  scripted_stream& stream = add({core.highest_opened().value + 1});
  EXPECT_EQ(core.open(std::move(open), stream), stream.id);
  return true;
}

void simulated_end::act() {
  if (core.is_ready() && chance.one_in(8)) open_one();
  if (live_.empty()) return;
  live_[chance.below(live_.size())]->act(chance);
  drop_released();
}

bool simulated_end::act_fully(bool lifted) {
  bool moved = false;
  while (core.is_ready() && open_one())
    moved = true;
  for (std::size_t i = 0; i < live_.size(); ++i)
    moved = live_[i]->act_fully(lifted) || moved;
  drop_released();
  return moved;
}

void simulated_end::drop_released() {
  std::erase_if(live_, [](const scripted_stream* stream) { return stream->released; });
}

scripted_stream* simulated_end::find(protocol::stream_id id) {
  const auto at = static_cast<std::size_t>(id.value) - 1;
  return at < streams.size() ? streams[at].get() : nullptr;
}

void simulated_end::log_send(protocol::stream_id id, std::size_t bytes) {
  link_credit -= static_cast<std::int64_t>(bytes);
  seen.payload_bytes += bytes;
  sends.push_back({id, bytes});
}

// --- another process

void simulated_end::perhaps_change_process(std::size_t one_in,
                                           protocol::mux_clock::time_point now) {
  if (plan.stays_in_process || role != link_role::gateway || !upgrades.one_in(one_in)) return;
  if (!core.is_ready() || core.is_over()) return;
  if (upgrades.one_in(4)) {
    // It was frozen for nothing.
    core.freeze();
    ++seen.thawed;
    return;
  }
  change_process(now);
}

void simulated_end::change_process(protocol::mux_clock::time_point now) {
  protocol::mux_core_state state = core.freeze();
  if (on_the_way != nullptr) state = on_the_way(std::move(state));
  EXPECT_FALSE(check(state)) << "a state that was frozen is impossible";
  std::destroy_at(&core);
  std::construct_at(&core, options_, std::move(state), *this, now);
  drop_released();
  for (scripted_stream* stream : live_)
    EXPECT_TRUE(core.attach(stream->id, *stream)) << stream->id.value << " is not known any more";
  core.release_unattached();
  // As a transport that starts, and users that look once more.
  output_told = true;
  may_open_ = may_open_ || core.can_open();
  ++seen.replaced;
}

// --- books

std::size_t simulated_end::input(std::span<const std::byte> held,
                                 protocol::mux_clock::time_point now) {
  std::size_t whole = 0;
  while (const std::size_t n = protocol::slice_frame(held.subspan(whole))->size)
    whole += n;
  if (whole != held.size()) ++seen.splits;
  note_credit(held.first(whole));
  in_input = true;
  const std::size_t taken = core.on_input(held, now);
  in_input = false;
  if (!core.is_over()) {
    EXPECT_EQ(taken, whole) << "reading waits for something";
  }
  drop_released();
  for (scripted_stream* stream : live_)
    stream->mark_eligible();
  return taken;
}

void simulated_end::note_credit(std::span<const std::byte> frames) {
  for_each_frame(frames, [this](const auto& frame) {
    if constexpr (std::is_same_v<std::decay_t<decltype(frame)>, protocol::credit_frame>) {
      if (frame.stream.value == 0) {
        link_credit += frame.bytes;
      } else if (scripted_stream* stream = find(frame.stream)) {
        stream->on_credit_arrived(frame.bytes);
      }
    }
  });
}

void simulated_end::check_books() {
  if (core.is_over()) return;
  EXPECT_GE(core.link_credit(), 0);
  EXPECT_LE(core.link_credit(), peers.link_window_bytes);
  EXPECT_EQ(core.link_credit(), link_credit) << "credit of the link, to send";
  std::size_t buffered = 0;
  for (const scripted_stream* stream : live_)
    buffered += stream->buffered();
  EXPECT_EQ(core.link_bytes_buffered(), static_cast<std::int64_t>(buffered))
      << "bytes received and not consumed";
  EXPECT_LE(buffered, static_cast<std::size_t>(ours.link_window_bytes));
  if (!plan.hands_over) {
    EXPECT_EQ(core.counters().stream_errors, 0U) << "a rule was broken by a side that keeps them";
  }
  if (role == link_role::gateway) {
    EXPECT_LE(core.streams_open(), static_cast<std::size_t>(peers.streams_open_max));
  }
}

}  // namespace presenter::testing
