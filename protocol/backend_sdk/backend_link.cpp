#include "protocol/backend_sdk/backend_link.hpp"

#include <utility>

namespace presenter::protocol {
namespace {

// For the gateway to take the last output and to close its end.
constexpr std::chrono::milliseconds close_linger{5'000};

}  // namespace

void backend_link::drain(std::chrono::milliseconds deadline) {
  is_draining_ = true;
  core().go_away(deadline);
  close_if_drained();
}

stream_handler* backend_link::on_open(stream_id stream, const open_frame& open) {
  if (const auto owner = owner_.lock()) return owner->on_open(*this, open);
  core().refuse({stream, refuse_reason::shutting_down, {}, {}});
  return nullptr;
}

void backend_link::on_ready(const hello_frame& hello) {
  gateway_ = hello.node;
  tell(link_change::up);
}

void backend_link::on_suspect(bool is_suspect) {
  tell(is_suspect ? link_change::suspect : link_change::recovered);
}

// Of what has never said Hello nobody has heard.
void backend_link::tell(link_change change, boost::system::error_code reason) {
  if (!gateway_) return;
  if (const auto owner = owner_.lock()) owner->on_link_event({change, *gateway_, peer_, reason});
}

void backend_link::on_closed(boost::system::error_code reason) {
  tell(link_change::lost, reason);
  if (const auto owner = owner_.lock()) owner->on_link_closed(*this, reason);
}

void backend_link::close_if_drained() {
  if (!is_draining_ || core().streams_open() != 0) return;
  if (!std::exchange(is_closing_after_output_, true)) close_after_output(close_linger);
}

}  // namespace presenter::protocol
