#include "gateway/control/predecessor.hpp"

#include <utility>

namespace presenter::gateway {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

}  // namespace

predecessor::predecessor(boost::asio::io_context& control, upgrade_channel channel, bool stays,
                         upgrade_channel parent, events events)
    : stays_(stays),
      channel_(std::move(channel)),
      parent_(std::move(parent)),
      events_(std::move(events)),
      from_it_(control, channel_.copy().release()),
      from_parent_(control),
      timer_(control) {
  listen_to_it();
  if (parent_.is_open()) {
    from_parent_.assign(parent_.copy().release());
    listen_to_parent();
  }
  timer_.expires_after(patience);
  timer_.async_wait([this](error_code failed) {
    if (!failed) tell_gone();
  });
}

const upgrade_channel* predecessor::parent() const {
  if (stays_) return &channel_;
  return parent_.is_open() ? &parent_ : nullptr;
}

void predecessor::stop() {
  error_code ignored;
  from_it_.close(ignored);
  from_parent_.close(ignored);
  timer_.cancel();
}

void predecessor::listen_to_it() {
  from_it_.async_wait(stream_descriptor::wait_read, [this](error_code failed) {
    if (failed) return;
    const auto said = channel_.receive(false);
    if (said.is_over || !said.message.empty()) tell_gone();
    if (!said.is_over) return listen_to_it();
    if (stays_) return events_.on_parent_lost();
    error_code ignored;
    from_it_.close(ignored);
    channel_ = upgrade_channel();
  });
}

void predecessor::listen_to_parent() {
  from_parent_.async_wait(stream_descriptor::wait_read, [this](error_code failed) {
    if (failed) return;
    if (!parent_.receive(false).is_over) return listen_to_parent();
    events_.on_parent_lost();
  });
}

void predecessor::tell_gone() {
  timer_.cancel();
  if (const auto on_gone = std::exchange(events_.on_gone, nullptr)) on_gone();
}

}  // namespace presenter::gateway
