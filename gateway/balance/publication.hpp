// What the elected gateway published last, as all of the fleet read it in the znode published: so
// each knows whether its own record is there, and a new leader knows what it finds. Plain values.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "gateway/balance/dns_publisher.hpp"
#include "gateway/balance/load_report.hpp"

namespace presenter::gateway {

// A thousand gateways of long names.
inline constexpr std::size_t publication_bytes_max = 512 * 1'024;

struct publication {
  std::string leader;
  std::int64_t fence = 0;  // of its election: leader_election::fence
  sys_ms at{};             // by the leader's clock, since 1970
  // By gateway. While something is being published: those before and those after it, for each may
  // be there.
  std::map<std::string, double> weights;

  bool operator==(const publication&) const = default;
};

std::map<std::string, double> weights_by_gateway(const dns_state& state);

std::string encode_publication(const publication& what);

// errc: report_errc. Throws nothing.
boost::system::result<publication> decode_publication(std::string_view text);

}  // namespace presenter::gateway
