// Judges the frames that a mux_core writes by what it has been sent, knowing only the
// specification: windows, order, direction. See: protocol/README.md §4 to §6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "protocol/wire/mux_frame.hpp"

namespace presenter::fuzz {

// Bounds: one entry for each stream that either side has named.
class mux_audit {
 public:
  explicit mux_audit(const protocol::hello_frame& ours) : ours_(ours) {}

  // The core is about to be shown these bytes. It takes every whole frame, or the link ends.
  void received(std::span<const std::byte> shown);

  // It wrote these.
  void sent(std::span<const std::byte> control, std::span<const std::byte> data);

 private:
  struct stream_account {
    std::int64_t granted = 0;  // by the peer, on top of its window
    std::int64_t sent = 0;
    std::int64_t received = 0;
    std::int64_t returned = 0;
    bool accepted = false;
    bool finished = false;
    bool reset = false;
    bool over = false;       // reset in an earlier output, refused, given up: nothing may follow
    bool continued = false;  // gateway: its Checkpoint is due
    bool asked = false;      // Handoff has been sent, or was shown to us
    bool giving = false;     // a piece of unread bytes has been sent
  };

  template <class Frame>
  void note(const Frame&) {}
  void note(const protocol::hello_frame& hello);
  void note(const protocol::credit_frame& credit);
  void note(const protocol::data_frame& data);
  void note(const protocol::handoff_frame& handoff);

  void judge(const protocol::hello_frame& hello);
  void judge(const protocol::open_frame& open);
  void judge(const protocol::accept_frame& accept);
  void judge(const protocol::refuse_frame& refuse);
  void judge(const protocol::data_frame& data);
  void judge(const protocol::finish_frame& finish);
  void judge(const protocol::reset_frame& reset);
  void judge(const protocol::credit_frame& credit);
  void judge(const protocol::ping_frame&) {}
  void judge(const protocol::pong_frame&) {}
  void judge(const protocol::go_away_frame&) {}
  void judge(const protocol::handoff_frame& handoff);
  void judge(const protocol::checkpoint_frame& checkpoint);
  void judge(const protocol::notice_frame& notice);

  stream_account& live(protocol::stream_id stream);
  bool both_announced(std::int64_t feature) const {
    return (ours_.features & peer_features_ & feature) != 0;
  }
  bool is_backend() const { return ours_.role == protocol::link_role::backend; }

  const protocol::hello_frame ours_;
  bool hello_sent_ = false;
  bool hello_received_ = false;
  std::int64_t peer_stream_window_ = 0;
  std::int64_t peer_link_window_ = 0;
  std::int64_t peer_features_ = 0;
  std::size_t peer_deposit_ = 0;
  std::int64_t last_opened_ = 0;
  stream_account link_;
  std::map<std::int64_t, stream_account> streams_;
};

}  // namespace presenter::fuzz
