// A gateway's and a backend's mux_core joined by two byte pipes in memory. A pipe hands its bytes
// over in pieces of any size, and checks each frame that enters it against the windows and the
// order of its stream: an auditor that knows only the specification.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/mux_end.hpp"

namespace presenter::testing {

// What one side has sent, and what it may send. Grants that travel the other way are told to it
// when they are sent, so it is as generous as the wire can be.
class direction_audit {
 public:
  explicit direction_audit(const protocol::hello_frame& receiver)
      : link_window_(receiver.link_window_bytes),
        link_credit_(receiver.link_window_bytes),
        stream_window_(receiver.stream_window_bytes) {}

  void sent(const protocol::data_frame& data) {
    const auto size = static_cast<std::int64_t>(data.payload.size());
    EXPECT_GT(size, 0);
    link_credit_ -= size;
    EXPECT_GE(link_credit_, 0) << "link window overrun";
    if (reset_.contains(data.stream.value)) return;  // a Reset overtakes Data
    EXPECT_FALSE(finished_.contains(data.stream.value)) << "Data after Finish";
    EXPECT_FALSE(silent_.contains(data.stream.value)) << "Data after Handoff or Checkpoint";
    EXPECT_GE(stream_credit(data.stream) -= size, 0) << "stream window overrun";
  }
  void sent(const protocol::finish_frame& finish) {
    EXPECT_FALSE(std::exchange(finished_[finish.stream.value], true)) << "two Finishes";
  }
  void sent(const protocol::handoff_frame& handoff) {
    EXPECT_FALSE(std::exchange(silent_[handoff.stream.value], true)) << "two Handoffs";
  }
  // A deposit is no end, nor is what a gateway sends behind Open.
  void sent(const protocol::checkpoint_frame& checkpoint) {
    if (checkpoint.last || !checkpoint.unread.empty()) silent_[checkpoint.stream.value] = true;
  }
  void sent(const protocol::reset_frame& reset) {
    EXPECT_FALSE(std::exchange(reset_[reset.stream.value], true)) << "two Resets";
  }
  template <class Frame>
  void sent(const Frame&) {}

  void granted(const protocol::credit_frame& credit) {
    if (credit.stream.value != 0) {
      EXPECT_LE(stream_credit(credit.stream) += credit.bytes, stream_window_)
          << "more credit than the stream took";
    } else {
      link_credit_ += credit.bytes;
      EXPECT_LE(link_credit_, link_window_) << "more link credit than was ever taken";
    }
  }

  std::int64_t link_credit() const { return link_credit_; }

 private:
  std::int64_t& stream_credit(protocol::stream_id stream) {
    return stream_credit_.try_emplace(stream.value, stream_window_).first->second;
  }

  std::int64_t link_window_;
  std::int64_t link_credit_;
  std::int64_t stream_window_;
  std::map<std::int64_t, std::int64_t> stream_credit_;
  std::map<std::int64_t, bool> finished_;
  std::map<std::int64_t, bool> silent_;  // handed over
  std::map<std::int64_t, bool> reset_;
};

class mux_pair {
 public:
  explicit mux_pair(
      const protocol::mux_options& gateway_options = mux_options_for(protocol::link_role::gateway),
      const protocol::mux_options& backend_options = mux_options_for(protocol::link_role::backend))
      : gateway(gateway_options),
        backend(backend_options),
        to_backend_(backend_options.hello),
        to_gateway_(gateway_options.hello) {}

  // Moves the output of `from` into its pipe.
  void write(mux_end& from) {
    const std::vector<std::byte> bytes = from.take_bytes();
    direction_audit& ours = &from == &gateway ? to_backend_ : to_gateway_;
    direction_audit& theirs = &from == &gateway ? to_gateway_ : to_backend_;
    for_each_frame(bytes, [&](const auto& frame) {
      ours.sent(frame);
      if constexpr (std::is_same_v<std::decay_t<decltype(frame)>, protocol::credit_frame>) {
        theirs.granted(frame);
      }
    });
    auto& pipe = pipe_to(other(from));
    pipe.insert(pipe.end(), bytes.begin(), bytes.end());
  }

  // Hands over at most `most` bytes; false if there were none.
  bool deliver(mux_end& to, std::size_t most = static_cast<std::size_t>(-1)) {
    auto& pipe = pipe_to(to);
    if (pipe.empty()) return false;
    auto& held = &to == &gateway ? gateway_held_ : backend_held_;
    const std::size_t n = std::min(most, pipe.size());
    held.insert(held.end(), pipe.begin(), pipe.begin() + static_cast<std::ptrdiff_t>(n));
    pipe.erase(pipe.begin(), pipe.begin() + static_cast<std::ptrdiff_t>(n));
    const std::size_t taken = to.core.on_input(held, to.now);
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(taken));
    return true;
  }

  // Until nothing moves any more.
  void settle() {
    bool moved = true;
    while (moved) {
      write(gateway);
      write(backend);
      moved = deliver(gateway);
      moved = deliver(backend) || moved;
    }
  }

  // After all streams have ended and settle: not one byte of link credit has leaked.
  void expect_link_whole() {
    for (mux_end* end : {&gateway, &backend}) {
      EXPECT_EQ(end->core.streams_open(), 0U);
      EXPECT_EQ(end->core.link_bytes_buffered(), 0);
    }
    EXPECT_EQ(to_backend_.link_credit(), gateway.core.link_credit());
    EXPECT_EQ(to_gateway_.link_credit(), backend.core.link_credit());
  }

  mux_end& other(const mux_end& end) { return &end == &gateway ? backend : gateway; }
  bool is_quiet() const { return gateway_pipe_.empty() && backend_pipe_.empty(); }

  mux_end gateway;
  mux_end backend;

 private:
  std::vector<std::byte>& pipe_to(const mux_end& to) {
    return &to == &gateway ? gateway_pipe_ : backend_pipe_;
  }

  std::vector<std::byte> gateway_pipe_;  // on their way to the gateway
  std::vector<std::byte> backend_pipe_;
  std::vector<std::byte> gateway_held_;  // shown to the core and not taken: part of a frame
  std::vector<std::byte> backend_held_;
  direction_audit to_backend_;
  direction_audit to_gateway_;
};

}  // namespace presenter::testing
