// What PowerDNS's HTTP API is asked and answers, as JSON: bodies in, values out. Pure. Nobody's
// body is trusted: what the API does not send is no value.
// See: https://doc.powerdns.com/authoritative/http-api/.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/balance/powerdns/lua_record.hpp"

namespace presenter::gateway::powerdns {

// Everything under one name of a zone.
struct named_sets {
  address_weights weights;      // of our LUA record; empty: there is none
  std::chrono::seconds ttl{0};  // of that record
  std::string in_the_way;       // "an A record": of what answers the same queries; empty: nothing
};

// Of a zone's description; `name` is absolute. Nothing: it is no such description.
std::optional<named_sets> read_named_sets(std::string_view body, std::string_view name);

// The changes of the zone that make our LUA record be so; without addresses they delete it.
std::string change_of(std::string_view name, std::chrono::seconds ttl,
                      const address_weights& weights);

// Whether PowerDNS serves LUA records of every zone, by its settings.
std::optional<bool> read_are_lua_records_on(std::string_view settings_body);

// Whether it serves those of one zone, by the zone's metadata.
std::optional<bool> read_are_lua_records_on_in_zone(std::string_view metadata_body);

// What the API says of a failure, for a log line; no more than its first 200 characters.
std::string read_failure(std::string_view body);

}  // namespace presenter::gateway::powerdns
