#include "presenterctl/top_rates.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace presenter::ctl {
namespace {

using nlohmann::json;

// Each way is counted modulo 2^32.
double bytes_between(const json& before, const json& after, const char* way) {
  return static_cast<std::uint32_t>(after.at(way).get<std::uint32_t>() -
                                    before.at(way).get<std::uint32_t>());
}

json client_rates(const json& before, const json& after, double seconds) {
  std::map<std::string, const json*> known;
  for (const json& client : before)
    known[client.at("tag").get<std::string>()] = &client;
  json rates = json::object();
  for (const json& client : after) {
    const auto tag = client.at("tag").get<std::string>();
    const auto found = known.find(tag);
    if (found == known.end()) continue;
    const json& then = *found->second;
    rates[tag] = (bytes_between(then, client, "bytes_to_backend") +
                  bytes_between(then, client, "bytes_to_client")) /
                 seconds;
  }
  return rates;
}

}  // namespace

json rates_between(const json& before, const json& after) {
  const double seconds =
      after.at("monotonic_seconds").get<double>() - before.at("monotonic_seconds").get<double>();
  if (seconds <= 0 || before.at("gateway") != after.at("gateway")) return nullptr;
  json rates{{"seconds", seconds}, {"handshakes", json::object()}};
  const json& then = before.at("counters");
  const json& now = after.at("counters");
  const auto rate_of = [seconds](const json& from, const json& to) {
    return (to.get<double>() - from.get<double>()) / seconds;
  };
  for (const char* name : {"accepted", "closes", "bytes_to_backend", "bytes_to_client",
                           "frames_received", "cpu_seconds"}) {
    // Another process that began at 0.
    if (now.at(name).get<double>() < then.at(name).get<double>()) return nullptr;
    rates[name] = rate_of(then.at(name), now.at(name));
  }
  rates["cpu"] = rates["cpu_seconds"];
  rates.erase("cpu_seconds");
  for (const auto& [kind, count] : now.at("handshakes").items())
    rates["handshakes"][kind] = rate_of(then.at("handshakes").at(kind), count);
  rates["clients"] = client_rates(before.at("busiest"), after.at("busiest"), seconds);
  return rates;
}

}  // namespace presenter::ctl
