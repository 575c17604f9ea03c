#include "presenterctl/drain_watch.hpp"

#include <algorithm>
#include <utility>

namespace presenter::ctl {

using nlohmann::json;

drain_watch::drain_watch(std::string name, std::string instance, std::size_t gateways)
    : name_(std::move(name)), instance_(std::move(instance)), gateways_(gateways) {}

void drain_watch::on_page(std::size_t gateway, const json& page) {
  view& seen = gateways_[gateway];
  seen.eta_seconds = page.at("moves").at("eta_seconds").get<double>();
  const json& backends = page.at("servers");
  has_nowhere_to_go_ = std::ranges::none_of(
      backends, [](const json& each) { return each.at("state").get<std::string>() == "up"; });
  const auto found = std::ranges::find_if(
      backends, [this](const json& each) { return each.at("name").get<std::string>() == name_; });
  if (found != backends.end()) return on_entry(seen, *found);
  seen.is = state::over;
  seen.streams = 0;
}

void drain_watch::on_entry(view& seen, const json& entry) {
  const std::string instance = entry.value("instance", "");  // older gateways do not say
  if (!instance.empty() && !instance_.empty() && instance != instance_) {
    seen.is = state::over;
    seen.streams = 0;
    return;
  }
  seen.streams = entry.at("streams").get<std::int64_t>();
  if (entry.at("state").get<std::string>() != "up") {
    seen.is = state::draining;
  } else if (seen.is == state::draining) {
    is_taken_back_ = true;
  } else {
    seen.is = state::uninformed;
  }
}

bool drain_watch::is_empty() const {
  return std::ranges::all_of(gateways_, [](const view& each) {
    return each.is == state::over || (each.is == state::draining && each.streams == 0);
  });
}

std::int64_t drain_watch::streams() const {
  std::int64_t sum = 0;
  for (const view& each : gateways_)
    sum += each.streams;
  return sum;
}

double drain_watch::eta_seconds() const {
  double longest = 0;
  for (const view& each : gateways_)
    longest = std::max(longest, each.eta_seconds);
  return longest;
}

}  // namespace presenter::ctl
