// Bytes of a link, written as the sentence they are:
//   frame_script().hello(link_role::backend).accept(1).data(1, "hi").credit(1,
//   512).finish(1).bytes()
// It checks nothing, so it can also write what no peer should send.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/wire/mux_frame.hpp"

namespace presenter::testing {

class frame_script {
 public:
  frame_script& frame(const protocol::control_frame& frame) {
    protocol::encode(frame, out_);
    return *this;
  }

  frame_script& hello(protocol::link_role role, std::string node = "peer") {
    protocol::hello_frame hello;
    hello.role = role;
    hello.node = std::move(node);
    return frame(hello);
  }
  frame_script& hello(const protocol::hello_frame& hello) { return frame(hello); }

  frame_script& open(std::int64_t stream, std::string key, std::int64_t map_epoch = 0) {
    protocol::open_frame open;
    open.stream.value = stream;
    open.key = std::move(key);
    open.map_epoch = map_epoch;
    return frame(open);
  }

  frame_script& accept(std::int64_t stream) { return frame(protocol::accept_frame{{stream}}); }

  frame_script& refuse(std::int64_t stream, protocol::refuse_reason reason) {
    return frame(protocol::refuse_frame{{stream}, reason, {}, {}});
  }
  frame_script& refuse_not_owner(std::int64_t stream, std::int64_t map_epoch) {
    return frame(
        protocol::refuse_frame{{stream}, protocol::refuse_reason::not_owner, map_epoch, {}});
  }
  frame_script& refuse_busy(std::int64_t stream, std::int32_t retry_after_ms) {
    return frame(
        protocol::refuse_frame{{stream}, protocol::refuse_reason::busy, {}, retry_after_ms});
  }

  frame_script& data(std::int64_t stream, std::string_view payload, bool more = false) {
    protocol::encode_data({stream}, more, std::as_bytes(std::span(payload)), out_);
    return *this;
  }
  // `size` bytes of no meaning.
  frame_script& filler(std::int64_t stream, std::size_t size) {
    return data(stream, std::string(size, 'x'));
  }

  frame_script& finish(std::int64_t stream) { return frame(protocol::finish_frame{{stream}}); }
  frame_script& reset(std::int64_t stream,
                      protocol::reset_reason reason = protocol::reset_reason::cancelled) {
    return frame(protocol::reset_frame{{stream}, reason});
  }
  frame_script& credit(std::int64_t stream, std::int64_t bytes) {
    return frame(protocol::credit_frame{{stream}, bytes});
  }
  frame_script& link_credit(std::int64_t bytes) { return credit(0, bytes); }
  frame_script& ping(std::int64_t opaque) { return frame(protocol::ping_frame{opaque}); }
  frame_script& pong(std::int64_t opaque) { return frame(protocol::pong_frame{opaque}); }
  frame_script& go_away(std::int64_t last_stream, std::int32_t reason = 0,
                        std::int32_t deadline_ms = 0) {
    return frame(protocol::go_away_frame{{last_stream}, reason, deadline_ms});
  }

  frame_script& open_continued(std::int64_t stream, std::string node = "before") {
    protocol::open_frame open;
    open.stream.value = stream;
    open.key = "k";
    open.continued = {protocol::continue_cause::rebalanced, std::move(node)};
    return frame(open);
  }
  frame_script& handoff(std::int64_t stream, std::int32_t deadline_ms = 5'000) {
    return frame(
        protocol::handoff_frame{{stream}, protocol::handoff_reason::rebalanced, 43, deadline_ms});
  }
  frame_script& checkpoint(const protocol::checkpoint_frame& checkpoint) {
    return frame(checkpoint);
  }
  frame_script& deposit(std::int64_t stream, std::int64_t consumed, std::int64_t produced,
                        std::string_view state) {
    return frame(protocol::checkpoint_frame{{stream}, consumed, produced, state, {}, false, false});
  }
  frame_script& piece(std::int64_t stream, std::string_view unread) {
    return frame(protocol::checkpoint_frame{{stream}, 0, 0, {}, unread, false, false});
  }
  frame_script& last(std::int64_t stream, std::int64_t consumed, std::int64_t produced,
                     std::string_view state, std::string_view unread = {}) {
    return frame(
        protocol::checkpoint_frame{{stream}, consumed, produced, state, unread, true, false});
  }
  frame_script& notice(std::int64_t stream, std::int32_t within_ms = 1'000) {
    return frame(
        protocol::notice_frame{{stream}, protocol::notice_reason::gateway_draining, within_ms});
  }

  // A frame of our own making: the length field, then `body` as it stands.
  frame_script& body(std::initializer_list<int> body) {
    return raw({0, 0, static_cast<int>(body.size() >> 8), static_cast<int>(body.size() & 0xff)})
        .raw(body);
  }
  // Bytes without a length field.
  frame_script& raw(std::initializer_list<int> bytes) {
    for (const int value : bytes) {
      const auto byte = static_cast<std::byte>(value);
      out_.append({&byte, 1});
    }
    return *this;
  }

  std::vector<std::byte> bytes() const {
    const auto all = out_.bytes();
    return {all.begin(), all.end()};
  }

 private:
  byte_buffer out_;
};

}  // namespace presenter::testing
