// States of records for tests: "g1" at 192.0.2.1 with a weight, and so on.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway {

// In the order of the names.
inline dns_state state_of(std::initializer_list<std::pair<std::string, double>> weights) {
  dns_state state{.record_name = "chat.example", .ttl = std::chrono::seconds(60), .records = {}};
  for (const auto& [name, weight] : weights) {
    state.records.push_back(
        {name, boost::asio::ip::make_address("192.0.2." + name.substr(1)), weight});
  }
  return state;
}

}  // namespace presenter::gateway
