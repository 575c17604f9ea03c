#include "gateway/control/takeover_checks.hpp"

#include <fmt/format.h>

#include <string_view>

#include "gateway/config/config_checks.hpp"
#include "gateway/upgrade/state_file.hpp"

namespace presenter::gateway {
namespace {

void compare(config_result& loaded, const char* table, const char* key, const std::string& now,
             std::string_view running) {
  if (now == running) return;
  loaded.fail({table}, key,
              fmt::format("is '{}', and '{}' in the gateway that runs: that needs a restart", now,
                          running));
}

}  // namespace

std::vector<std::string> check_takeover(config_result& loaded, const takeover_question& asked) {
  std::vector<std::string> others;
  if (!asked.state_version) return others;
  if (*asked.state_version != state_version)
    others.push_back(fmt::format("takes over states of version {}, and not of version {}",
                                 state_version, *asked.state_version));
  const config& now = loaded.value;
  for (const std::string& each : asked.running) {
    const auto equals = each.find('=');
    const std::string_view key = std::string_view(each).substr(0, equals);
    const std::string_view value = std::string_view(each).substr(key.size() + 1);
    if (key == "gateway.name") {
      compare(loaded, "gateway", "name", now.gateway.name, value);
    } else if (key == "listen.address") {
      compare(loaded, "listen", "address", format_endpoint(now.listen.address), value);
    } else if (key == "workers.count" && now.workers.count != 0) {
      compare(loaded, "workers", "count", std::to_string(now.workers.count), value);
    }
  }
  return others;
}

}  // namespace presenter::gateway
