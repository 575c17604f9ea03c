// The LUA record of PowerDNS that answers each query with one of the fleet's addresses, by their
// weights: from our records to its text, and back. Pure.
// See: https://doc.powerdns.com/authoritative/lua-records/functions.html, pickwrandom.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway::powerdns {

// Of an even share: pickwrandom takes whole numbers.
inline constexpr int lua_weight_even = 100;

// PowerDNS reads the whole list for every query; a thousand take it about as long as the rest of
// the answer.
inline constexpr std::size_t addresses_max = 1'000;

// At least 1.
using address_weights = std::map<boost::asio::ip::address, int>;

address_weights address_weights_of(const dns_state& state);

// The contents of the LUA record set: one for A, one for AAAA, none for a family without addresses.
// A text of a record has 255 bytes at most, so each content is several, cut between addresses:
// PowerDNS puts a blank between them, or not, by its version and settings.
std::vector<std::string> lua_contents(const address_weights& weights);

// What lua_contents wrote. Nothing: it is somebody else's.
std::optional<address_weights> parse_lua_content(std::string_view content);

}  // namespace presenter::gateway::powerdns
