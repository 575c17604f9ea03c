#include "presenterctl/top_rates.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <vector>

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

// As histogram_quantile of Prometheus: within two bounds times are taken to lie evenly, and above
// the last one it is that.
json quantile(double part, const std::vector<double>& bounds,
              const std::vector<std::uint64_t>& counts) {
  const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (all == 0 || bounds.empty() || counts.size() != bounds.size() + 1) return nullptr;
  double rank = part * static_cast<double>(all);
  double low = 0;
  for (std::size_t slot = 0; slot < bounds.size(); ++slot) {
    const auto here = static_cast<double>(counts[slot]);
    if (rank <= here) return low + (bounds[slot] - low) * rank / here;
    rank -= here;
    low = bounds[slot];
  }
  return low;
}

json turn_p99(const json& before, const json& after) {
  if (!before.contains("loop_turns") || !after.contains("loop_turns")) return nullptr;
  const auto then = before.at("loop_turns").at("counts").get<std::vector<std::uint64_t>>();
  auto counts = after.at("loop_turns").at("counts").get<std::vector<std::uint64_t>>();
  if (then.size() != counts.size()) return nullptr;
  for (std::size_t slot = 0; slot < counts.size(); ++slot) {
    if (counts[slot] < then[slot]) return nullptr;
    counts[slot] -= then[slot];
  }
  return quantile(0.99, after.at("loop_turns").at("bounds").get<std::vector<double>>(), counts);
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
  rates["loop_turn_p99"] = turn_p99(before, after);
  rates["clients"] = client_rates(before.at("busiest"), after.at("busiest"), seconds);
  return rates;
}

}  // namespace presenter::ctl
