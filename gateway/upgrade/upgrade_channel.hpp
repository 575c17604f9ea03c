// The talk between a gateway's process and the one that is to take its place, over a pair of
// sockets: short messages, each whole.
//
//   new → old  "ready"            it has begun, and knows its configuration
//   old → new  descriptors        with the numbers that they have there; the first one is the state
//              "all"              there are no more
//   new → old  "adopted"          it has everything, and has touched none of it
//              "failed TEXT"      it cannot
//   old → new  "yours"            from here on everything is the new one's; the old one ends
//              "yours parent"     the same, but the old one stays as an empty parent
//   parent → new  "gone"          all that was left of the old one is
//   new → parent  "main PID"      it was replaced itself, by this process
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace presenter::gateway {

// One end. Life: closes its descriptor.
class upgrade_channel {
 public:
  static constexpr std::size_t message_bytes_max = 4'096;  // longer ones are cut
  static constexpr std::size_t descriptors_max = 253;      // of a message: SCM_MAX_FD of the kernel

  // Both ends, closed in programs that are started.
  static boost::system::result<std::pair<upgrade_channel, upgrade_channel>> make();

  explicit upgrade_channel(int descriptor = -1) : descriptor_(descriptor) {}
  upgrade_channel(upgrade_channel&& other) noexcept : descriptor_(other.release()) {}
  upgrade_channel& operator=(upgrade_channel&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~upgrade_channel();

  // Of the same end.
  upgrade_channel copy() const;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

  // Without an answer that it is there. False: the other side has gone.
  bool send(std::string_view message) const noexcept;

  // At most descriptors_max of this process, which the other one gets copies of. The error is the
  // system's: with would_block, or too_many_links (of all that are under way on this machine), it
  // may work in a moment.
  boost::system::error_code send_descriptors(std::span<const int> descriptors) const noexcept;

  struct handed_descriptor {
    int there = -1;  // its number in the other process
    int here = -1;   // whoever receives it closes it
  };
  struct received {
    bool is_over = false;                        // the other side has gone
    std::string message;                         // empty, without is_over: none is there yet
    std::vector<handed_descriptor> descriptors;  // instead of a message
    bool is_cut = false;                         // there is no room here for some of them
  };
  // `waits`: until there is one.
  received receive(bool waits) const;

 private:
  int descriptor_;
};

}  // namespace presenter::gateway
