// Bytes of a link, read back as sentences: "open 1", "data 1 hi", "credit 0 512". The counterpart
// of frame_script, for what a mux_core has written.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "protocol/wire/mux_frame.hpp"

namespace presenter::testing {

inline std::string checkpoint_text(const protocol::checkpoint_frame& frame) {
  std::string text = "checkpoint " + std::to_string(frame.consumed) + " " +
                     std::to_string(frame.produced) + " " + std::string(frame.state);
  if (!frame.unread.empty()) text += " + " + std::string(frame.unread);
  if (frame.last) text += " last";
  if (frame.finished) text += " finished";
  return text;
}

struct frame_text {
  static std::string id(protocol::stream_id stream) { return std::to_string(stream.value); }

  std::string operator()(const protocol::hello_frame&) const { return "hello"; }
  std::string operator()(const protocol::open_frame& frame) const {
    return "open " + id(frame.stream);
  }
  std::string operator()(const protocol::accept_frame& frame) const {
    return "accept " + id(frame.stream);
  }
  std::string operator()(const protocol::refuse_frame& frame) const {
    std::string text =
        "refuse " + id(frame.stream) + " " + std::to_string(static_cast<int>(frame.reason));
    if (frame.retry_after_ms) text += " after " + std::to_string(*frame.retry_after_ms);
    return text;
  }
  std::string operator()(const protocol::finish_frame& frame) const {
    return "finish " + id(frame.stream);
  }
  std::string operator()(const protocol::reset_frame& frame) const {
    return "reset " + id(frame.stream) + " " + std::string(name_of(frame.reason));
  }
  std::string operator()(const protocol::credit_frame& frame) const {
    return "credit " + id(frame.stream) + " " + std::to_string(frame.bytes);
  }
  std::string operator()(const protocol::ping_frame& frame) const {
    return "ping " + std::to_string(frame.opaque);
  }
  std::string operator()(const protocol::pong_frame& frame) const {
    return "pong " + std::to_string(frame.opaque);
  }
  std::string operator()(const protocol::go_away_frame& frame) const {
    return "go_away " + id(frame.last_stream) + " " + std::to_string(frame.reason);
  }
  std::string operator()(const protocol::handoff_frame& frame) const {
    return "handoff " + id(frame.stream) + " " + std::to_string(static_cast<int>(frame.reason)) +
           " " + std::to_string(frame.deadline_ms);
  }
  std::string operator()(const protocol::checkpoint_frame& frame) const {
    return id(frame.stream) + " " + checkpoint_text(frame);
  }
  std::string operator()(const protocol::notice_frame& frame) const {
    return "notice " + id(frame.stream) + " " + std::to_string(static_cast<int>(frame.reason)) +
           " " + std::to_string(frame.within_ms);
  }
  // Payloads longer than 16 bytes by their size; "+": more of the message follows.
  std::string operator()(const protocol::data_frame& frame) const {
    const auto* chars = reinterpret_cast<const char*>(frame.payload.data());
    const std::size_t size = frame.payload.size();
    return "data " + id(frame.stream) + " " +
           (size > 16 ? std::to_string(size) : std::string(chars, size)) + (frame.more ? "+" : "");
  }
};

// Calls `visit` with each frame struct in `bytes`, which must hold whole frames only.
template <class Visit>
void for_each_frame(std::span<const std::byte> bytes, Visit&& visit) {
  while (!bytes.empty()) {
    const auto slice = protocol::slice_frame(bytes);
    ASSERT_TRUE(slice && slice->size != 0) << "not a whole frame";
    bytes = bytes.subspan(slice->size);
    if (protocol::is_data(slice->body)) {
      visit(protocol::decode_data(slice->body).value());
    } else {
      std::visit(visit, protocol::decode_control(slice->body).value());
    }
  }
}

inline std::vector<std::string> frames_in(std::span<const std::byte> bytes) {
  std::vector<std::string> frames;
  for_each_frame(bytes, [&](const auto& frame) { frames.push_back(frame_text{}(frame)); });
  return frames;
}

}  // namespace presenter::testing
