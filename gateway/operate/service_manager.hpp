// systemd's notification of a service's state (sd_notify(3)), for Type=notify: one datagram to the
// socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace presenter::gateway {

// "READY=1", "STOPPING=1"; see sd_notify(3). Does nothing if nobody has asked for it, or if the
// socket does not take it.
void notify_service_manager(std::string_view state) noexcept;

}  // namespace presenter::gateway
