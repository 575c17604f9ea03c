// What a process that has taken another one's place still hears of that: when nothing of it is
// left, and, if it stays as an empty parent, that somebody has ended it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "gateway/upgrade/upgrade_channel.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread.
class predecessor {
 public:
  // A process that has said that it goes does so at once; it may be stopped, though.
  static constexpr std::chrono::seconds patience{2};

  struct events {
    std::function<void()> on_gone;         // once, after `patience` at the latest
    std::function<void()> on_parent_lost;  // only with an empty parent
  };

  // `channel`: to the process before; `stays`: that becomes an empty parent. `parent`: the empty
  // parent that both of them have had; not open: there is none.
  predecessor(boost::asio::io_context& control, upgrade_channel channel, bool stays,
              upgrade_channel parent, events events);

  // nullptr: there is none.
  const upgrade_channel* parent() const;
  void stop();

 private:
  void listen_to_it();
  void listen_to_parent();
  void tell_gone();

  const bool stays_;
  upgrade_channel channel_;
  upgrade_channel parent_;
  events events_;
  boost::asio::posix::stream_descriptor from_it_;  // a copy of the channel's
  boost::asio::posix::stream_descriptor from_parent_;
  boost::asio::steady_timer timer_;
};

}  // namespace presenter::gateway
