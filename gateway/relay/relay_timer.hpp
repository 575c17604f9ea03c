// How long bytes of clients take from the read of the client's socket to the write of the link's.
// A clock is read for one read in `interval` only, so that the others cost a decrement; which ones
// does not depend on what they hold or how long they take.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway/operate/duration_histogram.hpp"
#include "protocol/mux/mux_core.hpp"

namespace presenter::gateway {

// Life: the worker's. Confined to: the worker's thread. Bounds: those that a link has not written
// yet are at most `pending_max`; while there are as many no other is begun.
class relay_timer {
 public:
  using time = std::chrono::steady_clock::time_point;
  static constexpr std::uint32_t interval = 64;
  static constexpr std::size_t pending_max = 16;

  explicit relay_timer(duration_histogram& times) : times_(times) {}

  // The next read is one of those: ask the clock before it.
  bool is_due() const { return left_ == 0; }
  // A client's bytes have been submitted to this link. `began`: if it was due, before its read.
  void note(const std::shared_ptr<protocol::mux_core>& link, time began) {
    if (left_ != 0) {
      --left_;
      return;
    }
    left_ = interval - 1;
    if (count_ < pending_max) pending_[count_++] = {link, link->output_submitted(), began};
  }

  // What links had to write has gone to their sockets, as far as these took it.
  void on_flushed() {
    if (count_ != 0) settle(std::chrono::steady_clock::now());
  }

 private:
  struct sample {
    std::weak_ptr<protocol::mux_core> link;
    std::int64_t until = 0;  // of the link's output
    time began;
  };

  void settle(time now) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const auto link = pending_[i].link.lock();
      if (link == nullptr || link->is_over()) continue;  // never written
      if (link->output_written() >= pending_[i].until) {
        times_.observe(now - pending_[i].began);
      } else {
        if (kept != i) pending_[kept] = std::move(pending_[i]);
        ++kept;
      }
    }
    for (std::size_t i = kept; i < count_; ++i)
      pending_[i].link.reset();
    count_ = kept;
  }

  duration_histogram& times_;
  std::uint32_t left_ = 0;
  std::array<sample, pending_max> pending_;
  std::size_t count_ = 0;
};

}  // namespace presenter::gateway
