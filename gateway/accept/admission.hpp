// Who is let in, of the clients that the kernel has accepted: whose address keeps within its
// limits. Everybody else is refused here, before anything is kept of it. See:
// gateway/accept/README.md.
#pragma once

#include <optional>

#include "base/log_pace.hpp"
#include "gateway/accept/address_limits.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"

namespace presenter::gateway {

// Life: the worker's. Confined to: the worker's thread.
class admission {
 public:
  // `addresses`: of all workers, outlives this; nullptr: there are no limits.
  admission(address_limits* addresses, worker_metrics& metrics)
      : addresses_(addresses), metrics_(metrics) {}

  void set_limits(address_limits* addresses) { addresses_ = addresses; }

  // The client's claim, which may be an empty one. Nothing: it is refused, and its descriptor is
  // closed with a RST, after which neither side keeps anything of the connection.
  std::optional<address_claim> admit(int descriptor, const tcp_endpoint& peer, steady_time now);

 private:
  void refuse(int descriptor, const tcp_endpoint& peer, refusal why);

  address_limits* addresses_;
  worker_metrics& metrics_;
  log_pace refusals_said_;
};

}  // namespace presenter::gateway
