// Both users of a mux_core that is fuzzed, the link's and the streams': they do what a script says,
// and check what they are told.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/mux/mux_core.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/mux_audit.hpp"

namespace presenter::fuzz {

using namespace protocol;

class mux_player;

// One stream's application. Does what the player's reactions say, inside each call.
// Life: to the end of the script, so that a call after release is seen.
class checked_stream final : public stream_handler {
 public:
  checked_stream(mux_player& player, stream_id stream) : id(stream), player_(player) {}

  void on_accepted() override;
  void on_refused(const refuse_frame&) override { end(); }
  void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override;
  void on_writable() override;
  void on_reset(reset_reason, bool) override { end(); }
  void on_checkpoint(const checkpoint_frame& checkpoint) override;
  void on_handoff(const handoff_frame& handoff) override;
  void on_notice(const notice_frame& notice) override;
  void on_link_lost(bool is_deposit_exact) override;

  const stream_id id;
  bool accepted = false;
  bool peer_finished = false;
  bool finished = false;  // by us
  bool asked = false;     // for a turn
  bool ended = false;     // the last call has come, or will not come
  bool gone = false;      // released or refused
  std::int64_t unconsumed = 0;

  // Payload that this side has sent and received, over all streams of the client.
  std::int64_t sent = 0;
  std::int64_t received = 0;
  bool awaits_checkpoint = false;  // backend: opened as `continued`
  bool asked_over = false;         // Handoff has been sent, or received
  bool is_giving = false;          // a piece of the unread bytes, or the last Checkpoint, has gone
  bool wants_checkpoint = false;   // has asked for a turn to send one
  std::int64_t unread = 0;         // in pieces, so far
  bool has_exact_deposit = false;  // gateway: and nothing was sent or received since

 private:
  void on_first_checkpoint(const checkpoint_frame& checkpoint);
  void end();

  mux_player& player_;
};

// The script's conversation. Life: one play().
class mux_player : public link_handler {
 public:
  explicit mux_player(byte_script script)
      : script_(script),
        options_(read_options()),
        audit_(options_.hello),
        core_(options_, *this, now_) {}

  void play() {
    while (!script_.is_over()) {
      step();
      check();
      // The address sanitizer sees who calls one of them now.
      if (streams_.size() > 64)
        std::erase_if(streams_, [](const auto& at) { return at.second->gone; });
    }
    take_output();
    close();
    check();
    PRESENTER_FUZZ_CHECK(core_.streams_open() == 0);
    for (const auto& [id, stream] : streams_)
      PRESENTER_FUZZ_CHECK(stream->ended);
  }

  // What a handler does now: the next of the reactions that the script has set.
  void react(checked_stream& stream) {
    if (reactions_.empty() || depth_ == depth_max || core_.is_over()) return;
    ++depth_;
    act(stream, reactions_[next_reaction_++ % reactions_.size()]);
    --depth_;
  }

  mux_core& core() { return core_; }
  bool is_backend() const { return options_.hello.role == link_role::backend; }
  // The core has, and not the script by closing it.
  bool has_given_up() const { return !is_closing_; }

  // --- link_handler

  void on_ready(const hello_frame&) override {
    PRESENTER_FUZZ_CHECK(!ready_ && !failed_);
    ready_ = true;
  }
  stream_handler* on_open(stream_id id, const open_frame& open) override;
  void on_go_away(const go_away_frame&) override { PRESENTER_FUZZ_CHECK(!failed_); }
  void on_output() override {}
  void on_can_open() override { PRESENTER_FUZZ_CHECK(core_.can_open()); }
  void on_failed(boost::system::error_code reason) override {
    PRESENTER_FUZZ_CHECK(!failed_ && reason);
    PRESENTER_FUZZ_CHECK(errc_of(reason) <= link_error_last);
    failed_ = true;
    PRESENTER_FUZZ_CHECK(core_.streams_open() == 0);
    for (const auto& [id, stream] : streams_)
      PRESENTER_FUZZ_CHECK(stream->ended);
  }

 private:
  static constexpr int depth_max = 3;
  static constexpr std::size_t held_bytes_max = 64 * 1'024;

  mux_options read_options();
  void step();
  void check();

  // The peer.
  void feed_frame(const control_frame& frame);
  void feed_hello(unsigned choice);
  void feed_data(stream_id stream, unsigned size);
  void feed_flood(unsigned kind, unsigned count);
  void show_input();

  // The application.
  void open();
  void submit(checked_stream& stream, std::size_t size);
  void consume(checked_stream& stream, unsigned part);
  void finish(checked_stream& stream);
  void accept(checked_stream& stream);
  void refuse(checked_stream& stream);
  void reset(checked_stream& stream);
  void release(checked_stream& stream);
  void act(checked_stream& stream, unsigned what);
  void take_output();
  void close() {
    is_closing_ = !core_.is_over();
    core_.close();
    is_closing_ = false;
  }
  void link_step(unsigned what);

  // Handing over: mux_player_handoff.cpp.
  void handoff_step(unsigned what);
  void feed_checkpoint(stream_id stream, unsigned shape, unsigned error);
  void open_continued(unsigned shape);
  void hand_off(checked_stream& stream, unsigned deadline);
  void submit_checkpoint(checked_stream& stream, unsigned shape);

  // Small ids as they are, others from the highest downwards.
  stream_id picked(unsigned choice) const {
    if (choice < 0x80) return {static_cast<std::int64_t>(choice)};
    return {std::max<std::int64_t>(0, core_.highest_opened().value - (choice & 0x3f))};
  }
  checked_stream* stream_at(unsigned choice) {
    const auto found = streams_.find(picked(choice).value);
    return found == streams_.end() ? nullptr : found->second.get();
  }
  checked_stream& add(stream_id id) {
    auto& place = streams_[id.value];
    PRESENTER_FUZZ_CHECK(place == nullptr);
    place = std::make_unique<checked_stream>(*this, id);
    return *place;
  }

  byte_script script_;
  bool has_long_floods_ = false;
  mux_clock::time_point now_{};
  const mux_options options_;
  mux_audit audit_;
  std::map<std::int64_t, std::unique_ptr<checked_stream>> streams_;
  std::vector<unsigned> reactions_;
  std::size_t next_reaction_ = 0;
  int depth_ = 0;
  std::size_t streams_peak_ = 0;  // since the last take_output
  bool ready_ = false;
  bool failed_ = false;
  bool is_closing_ = false;
  byte_buffer held_;  // shown to the core, or not yet, and not taken
  std::int64_t opens_fed_ = 0;
  unsigned flood_frames_left_ = 512;  // 40'000 where the script asks for it: that is slow
  mux_core core_;                     // last: its handler is whole before it
};

}  // namespace presenter::fuzz
