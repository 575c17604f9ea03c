// What differs between two states of our records.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway {

// Gateway and address.
using record_key = std::pair<std::string, boost::asio::ip::address>;

// The weight of each record.
std::map<record_key, double> weights_by_record(const dns_state& state);

// Records that are added, removed, or have another weight; all of both if their name or TTL
// differs.
std::size_t count_changes(const dns_state& before, const dns_state& after);

}  // namespace presenter::gateway
