// Which addresses a name may have that others look up.
#pragma once

#include <boost/asio/ip/address.hpp>

namespace presenter::gateway {

// One that a client could connect to: of one host, without a zone ("%eth0"). Loopback counts, for
// whole fleets on one machine.
inline bool is_publishable(const boost::asio::ip::address& address) {
  if (address.is_unspecified() || address.is_multicast()) return false;
  if (address.is_v4()) return address.to_v4() != boost::asio::ip::address_v4::broadcast();
  const auto& v6 = address.to_v6();
  return v6.scope_id() == 0 && !v6.is_v4_mapped();
}

}  // namespace presenter::gateway
