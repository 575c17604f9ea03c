// The talk between a gateway's process and the one that is to take its place, over a pair of
// sockets: short messages, each whole.
//
//   new → old  "adopted"          it has everything, and has touched none of it
//              "failed TEXT"      it cannot
//   old → new  "yours"            from here on everything is the new one's; the old one ends
//              "yours parent"     the same, but the old one stays as an empty parent
//   parent → new  "gone"          all that was left of the old one is
//   new → parent  "main PID"      it was replaced itself, by this process
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace presenter::gateway {

// One end. Life: closes its descriptor.
class upgrade_channel {
 public:
  static constexpr std::size_t message_bytes_max = 4'096;  // longer ones are cut

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

  struct received {
    bool is_over = false;  // the other side has gone
    std::string message;   // empty, without is_over: none is there yet
  };
  // `waits`: until there is one.
  received receive(bool waits) const;

 private:
  int descriptor_;
};

}  // namespace presenter::gateway
