#include "gateway/accept/admission.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "base/paced_log.hpp"

namespace presenter::gateway {

std::optional<address_claim> admission::admit(int descriptor, const tcp_endpoint& peer,
                                              steady_time now) {
  if (addresses_ == nullptr) return address_claim{};
  auto [verdict, claim] = addresses_->admit(peer.address(), now);
  switch (verdict) {
    case address_verdict::untracked:
      metrics_.addresses_untracked.add();
      break;
    case address_verdict::admitted:
      break;
    case address_verdict::too_many_unauthenticated:
      refuse(descriptor, peer, refusal::address_unauthenticated);
      return std::nullopt;
    case address_verdict::too_fast:
      refuse(descriptor, peer, refusal::address_rate);
      return std::nullopt;
  }
  return std::move(claim);
}

void admission::refuse(int descriptor, const tcp_endpoint& peer, refusal why) {
  metrics_.clients_refused[why].add();
  const linger at_once{1, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(descriptor);
  log_paced(refusals_said_, spdlog::level::warn, "client of {} refused: {}",
            peer.address().to_string(),
            why == refusal::address_rate ? "limits.address_handshakes_per_second"
                                         : "limits.address_unauthenticated_max");
}

}  // namespace presenter::gateway
