#include "presenterctl/drain_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "presenterctl/answers.hpp"
#include "presenterctl/plain_words.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;
using align = text_table::align;

bool is_up(const json& page) {
  return page.at("state").get<std::string>() == "up";
}

std::string render_networks(const json& page) {
  text_table networks({{"NETWORK"}, {"CLIENTS", align::right}, {"LAST", align::right}});
  const json& arrivals = page.at("arrivals");
  for (const json& each : arrivals.at("networks")) {
    networks.add({each.at("network"), each.at("clients").dump(),
                  time_of(each.at("last_seconds_ago"), "") + " ago"});
  }
  const auto elsewhere = arrivals.at("clients_elsewhere").get<std::int64_t>();
  if (elsewhere > 0) networks.add({"others", std::to_string(elsewhere), ""});
  return fmt::format("\nwho came to {} since its record was removed:\n{}",
                     page.at("gateway").get<std::string>(), networks.to_string());
}

std::string render_gateways(const std::vector<json>& pages) {
  text_table gateways({{"GATEWAY"},
                       {"STATE"},
                       {"CLIENTS", align::right},
                       {"FOR", align::right},
                       {"CAME", align::right},
                       {"CLOSED", align::right},
                       {"QUIET IN", align::right},
                       {"BY THE RULE", align::right},
                       {"DEADLINE", align::right}});
  std::string rest;
  for (const json& page : pages) {
    const json& eta = page.at("eta_seconds");
    const std::string unknown = is_up(page) ? "-" : "unknown";
    gateways.add({page.at("gateway"), page.at("state"), page.at("clients").dump(),
                  time_of(page.at("draining_seconds"), "-"),
                  page.at("arrivals").at("clients").dump(), page.at("closed").dump(),
                  time_of(page.at("quiet_left_seconds"), "-"), time_of(eta.at("rule"), unknown),
                  time_of(eta.at("deadline"), "none")});
    if (!page.at("record_obstacle").is_null())
      rest += fmt::format("\nthe record of {} is still in DNS: {}\n",
                          page.at("gateway").get<std::string>(),
                          page.at("record_obstacle").get<std::string>());
    if (!page.at("arrivals").at("networks").empty()) rest += render_networks(page);
  }
  return gateways.to_string() + rest;
}

// What is amiss stands below, a line for each.
std::string render_status(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"},
                    {"VERSION"},
                    {"UP FOR", align::right},
                    {"READY"},
                    {"CLIENTS", align::right},
                    {"OF", align::right},
                    {"LINKS", align::right},
                    {"BACKENDS", align::right},
                    {"EPOCH", align::right},
                    {"LOG"}});
  std::string rest;
  for (const json& page : pages) {
    if (!page.contains("status")) continue;
    const json& status = page["status"];
    table.add({status.at("gateway"), status.at("version"), time_of(status.at("uptime_seconds"), ""),
               status.at("ready").get<bool>() ? "yes" : "no", status.at("clients").dump(),
               status.at("clients_max").dump(), status.at("links_up").dump(),
               status.at("backends").dump(),
               status.at("map_epoch").is_null() ? "-" : status.at("map_epoch").dump(),
               status.at("log_level")});
    for (const char* list : {"missing", "notes"}) {
      for (const json& clause : status.at(list))
        rest += fmt::format("{}: {}\n", status.at("gateway").get<std::string>(),
                            clause.get<std::string>());
    }
  }
  return table.to_string() + rest;
}

std::string weight_of(const json& weight) {
  return weight.is_null() ? "none" : fmt::format("{:.2f}", weight.get<double>());
}

std::string render_balance(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"},
                    {"WEIGHT", align::right},
                    {"IN DNS", align::right},
                    {"PUBLISHES"},
                    {"TOO MANY", align::right},
                    {"CLOSES/S", align::right},
                    {"CLOSED", align::right},
                    {"BALANCED IN", align::right}});
  for (const json& page : pages) {
    if (!page.contains("balance")) continue;
    const json& balance = page["balance"];
    const json& shedding = balance.at("shedding");
    table.add({page.at("gateway"), weight_of(balance.at("weight")),
               weight_of(balance.at("published_weight")),
               balance.at("is_leader").get<bool>() ? "yes" : "no", shedding.at("excess").dump(),
               fmt::format("{:.1f}", shedding.at("per_second").get<double>()),
               shedding.at("closed").dump(), time_of(shedding.at("eta_seconds"), "never")});
  }
  return table.to_string();
}

// One look at a gateway. Nothing: it is still at it.
std::optional<exit_code> look(const gateway_options& options, const std::string& gateway,
                              int& failures) {
  const auto answer =
      ask_gateways({gateway}, gateway_method::question, "/drain", options.timeout, options.token)
          .front();
  if (answer.is_nobody_there) return exit_ok;
  if (answer.status == 0) {
    if (++failures < failures_max) return std::nullopt;
    fmt::print(stderr, "presenterctl: {}: {}\n", gateway, answer.mistake);
    return exit_unreachable;
  }
  failures = 0;
  if (!answer.page.is_object() || !is_up(answer.page)) return std::nullopt;
  fmt::print(stderr, "presenterctl: {}: somebody has taken the order back\n", gateway);
  return exit_no;
}

exit_code wait_for_end(const gateway_options& options) {
  exit_code worst = exit_ok;
  for (const std::string& gateway : options.gateways) {
    int failures = 0;
    std::optional<exit_code> end;
    while (!(end = look(options, gateway, failures)))
      pause_between_looks();
    worst = std::max(worst, *end);
  }
  return worst;
}

}  // namespace

// A fleet without such orders has nothing to say of them.
exit_code report_gateways(const gateway_options& options) {
  answers all = ask(options, "/drain");
  if (all.status == exit_ok) {
    for (const char* also : {"balance", "status"}) {
      const answers others = ask(options, fmt::format("/{}", also));
      for (std::size_t i = 0; i < std::min(all.pages.size(), others.pages.size()); ++i)
        all.pages[i][also] = others.pages[i];
    }
  }
  return print_report(options, all, [](const std::vector<json>& pages) {
    return render_status(pages) + "\n" + render_gateways(pages) + "\n" + render_balance(pages);
  });
}

exit_code drain_gateways(const gateway_options& options, const drain_options& drain) {
  std::string target = "/drain";
  if (!drain.deadline.empty()) target += "?deadline=" + percent_encoded(drain.deadline);
  const answers all = ask(options, target, gateway_method::order);
  const exit_code status = print_report(options, all, render_gateways);
  if (status != exit_ok || !drain.waits) return status;
  std::fflush(stdout);  // whoever waits wants to see it
  try {
    return wait_for_end(options);
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
}

exit_code undrain_gateways(const gateway_options& options) {
  return print_report(options, ask(options, "/undrain", gateway_method::order), render_gateways);
}

}  // namespace presenter::ctl
