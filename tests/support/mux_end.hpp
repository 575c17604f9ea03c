// One mux_core whose handlers write down what they are told ("1 data hi", "failed hello_role"), and
// check the order that stream_handler promises. A test looks at `events`, at the frames written,
// and may act from inside any event by `during`.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/mux/mux_core.hpp"
#include "tests/support/frame_script.hpp"
#include "tests/support/frame_text.hpp"

namespace presenter::testing {

inline protocol::mux_options mux_options_for(protocol::link_role role) {
  protocol::mux_options options;
  options.hello.role = role;
  options.opens_per_second = std::numeric_limits<std::int32_t>::max();  // tests open at any pace
  options.hello.node = role == protocol::link_role::gateway ? "gateway" : "backend";
  return options;
}

inline const protocol::mux_options gateway_options = mux_options_for(protocol::link_role::gateway);
inline const protocol::mux_options backend_options = mux_options_for(protocol::link_role::backend);

inline protocol::link_role other_role(protocol::link_role role) {
  return role == protocol::link_role::gateway ? protocol::link_role::backend
                                              : protocol::link_role::gateway;
}

using event_list = std::vector<std::string>;

class mux_end;

// Life: owned by its mux_end to the end of the test, so that a call after release is seen.
class recorded_stream : public protocol::stream_handler {
 public:
  recorded_stream(mux_end& end, protocol::stream_id stream_id) : end_(end), id(stream_id) {}

  void on_accepted() override {
    EXPECT_FALSE(std::exchange(accepted_, true)) << "accepted twice";
    tell("accepted");
  }
  void on_refused(const protocol::refuse_frame& refusal) override {
    end("refused " + std::to_string(static_cast<int>(refusal.reason)));
  }
  inline void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override {
    EXPECT_FALSE(std::exchange(finished, true)) << "finished twice";
    tell("finish");
  }
  inline void on_writable() override;
  void on_reset(protocol::reset_reason reason, bool by_peer) override {
    end("reset " + std::string(name_of(reason)) + (by_peer ? " by peer" : " by us"));
  }
  // "1 checkpoint 3 5 state": with "+" and the unread bytes, "last" and "finished" where it has
  // them.
  void on_checkpoint(const protocol::checkpoint_frame& checkpoint) override {
    const std::string text = checkpoint_text(checkpoint);
    if (checkpoint.last && end_role() == protocol::link_role::gateway) return end(text);
    tell(text);
  }
  void on_handoff(const protocol::handoff_frame& handoff) override {
    tell("handoff " + std::to_string(static_cast<int>(handoff.reason)) + " " +
         std::to_string(handoff.map_epoch) + " " + std::to_string(handoff.deadline_ms));
  }
  void on_notice(const protocol::notice_frame& notice) override {
    tell("notice " + std::to_string(static_cast<int>(notice.reason)) + " " +
         std::to_string(notice.within_ms));
  }
  void on_link_lost(bool is_deposit_exact) override {
    end(is_deposit_exact ? "link_lost exact" : "link_lost");
  }

  inline void release();
  bool is_released() const { return released_; }
  bool is_ended() const { return ended_; }

 private:
  inline void tell(std::string what);
  inline protocol::link_role end_role() const;
  void end(std::string what) {
    EXPECT_FALSE(std::exchange(ended_, true)) << "two last calls";
    tell(std::move(what));
  }

  mux_end& end_;
  bool accepted_ = false;
  bool ended_ = false;
  bool released_ = false;

 public:
  const protocol::stream_id id;
  std::string received;
  bool finished = false;
};

class mux_end : public protocol::link_handler {
 public:
  explicit mux_end(const protocol::mux_options& options)
      : role(options.hello.role), core(options, *this, now) {}

  // A core that has heard its peer's Hello already; nothing is in its output.
  static std::unique_ptr<mux_end> ready(const protocol::mux_options& options,
                                        protocol::hello_frame peer = {}) {
    auto end = std::make_unique<mux_end>(options);
    peer.role = other_role(options.hello.role);
    peer.node = "peer";
    end->feed(frame_script().hello(peer));
    end->written();
    end->events.clear();
    return end;
  }

  // --- what a test does

  void feed(const frame_script& script) { feed(script.bytes()); }
  void feed(const std::vector<std::byte>& bytes) {
    EXPECT_EQ(core.on_input(bytes, now), bytes.size()) << "part of a frame was left";
  }

  // Takes everything that is to be written, turns included.
  std::vector<std::byte> take_bytes() {
    std::vector<std::byte> bytes;
    while (std::exchange(output_told, false)) {
      protocol::mux_output out;
      core.take_output(out);
      for (const auto* part : {&out.control, &out.data})
        bytes.insert(bytes.end(), part->bytes().begin(), part->bytes().end());
    }
    return bytes;
  }
  event_list written() { return frames_in(take_bytes()); }
  event_list told() { return std::exchange(events, {}); }

  recorded_stream& open(std::string key = "k") {
    protocol::open_frame open;
    open.key = std::move(key);
    // The handler comes first and the id after it, so guess the id, and check.
    const protocol::stream_id id{core.highest_opened().value + 1};
    recorded_stream& stream = add(id);
    EXPECT_EQ(core.open(std::move(open), stream), id);
    return stream;
  }
  recorded_stream& stream(std::int64_t id) { return *streams.at(id); }

  std::size_t send(std::int64_t id, std::string_view text, bool more = false) {
    return core.submit_data({id}, std::as_bytes(std::span(text)), more);
  }
  std::size_t send_filler(std::int64_t id, std::size_t size) {
    return send(id, std::string(size, 'x'));
  }

  // Another process goes on with a copy of the core; the users of streams attach, and look once
  // more whether there is output.
  void change_process(const protocol::mux_options& options) {
    protocol::mux_core_state state = core.freeze();
    EXPECT_FALSE(check(state)) << "a state that was frozen is impossible";
    std::destroy_at(&core);
    std::construct_at(&core, options, std::move(state), *this, now);
    for (const auto& [id, stream] : streams)
      if (!stream->is_released()) core.attach(stream->id, *stream);
    core.release_unattached();
    output_told = true;
  }

  // In steps, as a running side sees it.
  void pass(std::chrono::milliseconds time) {
    do {
      const auto step = std::min(time, std::chrono::milliseconds(500));
      time -= step;
      stand_still(step);
    } while (time.count() > 0);
  }
  void stand_still(std::chrono::milliseconds time) {
    now += time;
    core.on_time(now);
  }

  // --- what happens when told; all may be set by a test

  bool consume_at_once = true;
  bool checkpoint_turn = false;  // the next turns were asked for by wait_checkpoint
  // Backend: what to do with an Open.
  enum class open_answer { accept, wait, refuse } answer = open_answer::accept;
  // Called inside each event, after it is written down: "1 data hi", "ready", "open 1".
  std::function<void(std::string_view event)> during;

  // --- link_handler

  void on_ready(const protocol::hello_frame& peer) override { tell("ready " + peer.node); }
  protocol::stream_handler* on_open(protocol::stream_id id,
                                    const protocol::open_frame& open) override {
    recorded_stream& stream = add(id);
    tell("open " + std::to_string(id.value) + " " + open.key);
    if (answer == open_answer::accept) core.accept(id);
    if (answer != open_answer::refuse) return &stream;
    core.refuse({id, protocol::refuse_reason::denied, {}, {}});
    return nullptr;
  }
  void on_go_away(const protocol::go_away_frame& go_away) override {
    tell("go_away " + std::to_string(go_away.last_stream.value) + " " +
         std::to_string(go_away.reason));
  }
  void on_output() override {
    output_told = true;
    if (during) during("output");
  }
  void on_can_open() override { tell("can_open"); }
  void on_failed(boost::system::error_code reason) override {
    EXPECT_FALSE(std::exchange(failed, true)) << "failed twice";
    tell("failed " + std::string(name_of(static_cast<protocol::errc>(reason.value()))));
  }

  void tell(std::string event) {
    events.push_back(event);
    if (during) during(event);
  }

  const protocol::link_role role;
  protocol::mux_clock::time_point now{};
  event_list events;
  std::map<std::int64_t, std::unique_ptr<recorded_stream>> streams;
  bool output_told = true;  // the Hello is there from the start
  bool failed = false;

 private:
  recorded_stream& add(protocol::stream_id id) {
    auto& place = streams[id.value];
    EXPECT_EQ(place, nullptr) << "stream id used twice";
    place = std::make_unique<recorded_stream>(*this, id);
    return *place;
  }

 public:
  protocol::mux_core core;  // last: its handler is whole before it, and still there after it
};

inline void recorded_stream::tell(std::string what) {
  EXPECT_FALSE(released_) << id.value << " " << what << " after release";
  end_.tell(std::to_string(id.value) + " " + what);
}

inline void recorded_stream::on_data(std::span<const std::byte> payload, bool more) {
  EXPECT_FALSE(finished || ended_) << "data after the end";
  const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
  received += text;
  if (end_.consume_at_once) end_.core.consumed(id, payload.size());
  tell("data " + (text.size() > 16 ? std::to_string(text.size()) : text) + (more ? "+" : ""));
}

inline void recorded_stream::on_writable() {
  EXPECT_FALSE(ended_) << "a turn after the end";
  if (!end_.checkpoint_turn) {
    EXPECT_GT(end_.core.sendable(id), 0U) << "a turn without room";
  }
  tell("writable");
}

inline protocol::link_role recorded_stream::end_role() const {
  return end_.role;
}

inline void recorded_stream::release() {
  released_ = true;
  end_.core.release(id);
}

}  // namespace presenter::testing
