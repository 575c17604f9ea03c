#include "gateway/control/upgrade_report.hpp"

#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

namespace presenter::gateway {

std::string_view name_of(upgrade_step step) noexcept {
  constexpr std::array<std::string_view, 8> names{"idle",   "check",  "survey", "start",
                                                  "settle", "freeze", "adopt",  "commit"};
  return names[static_cast<std::size_t>(step)];
}

std::string to_json(const std::string& gateway, std::string_view version, upgrade_step now,
                    const upgrade_report& report) {
  using nlohmann::json;
  json page{{"gateway", gateway},
            {"pid", ::getpid()},
            {"version", version},
            {"step", name_of(now)},
            {"last", nullptr}};
  if (report.number != 0) {
    page["last"] = {{"number", report.number},
                    {"dry_run", report.is_dry_run},
                    {"program", report.program},
                    {"result", report.result ? json(name_of(*report.result)) : json()},
                    {"reason", report.reason},
                    {"output", report.output},
                    {"clients", report.clients},
                    {"left_behind", report.left_behind},
                    {"silence_seconds", report.silence ? json(report.silence->count()) : json()}};
  }
  return page.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace presenter::gateway
