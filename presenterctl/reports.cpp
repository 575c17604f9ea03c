#include "presenterctl/reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "presenterctl/answers.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;
using align = text_table::align;

std::string percent(double part) {
  return fmt::format("{:.1f} %", 100 * part);
}

std::string minutes(double seconds) {
  return fmt::format("{:.1f} min", seconds / 60);
}

std::int64_t sum_of(const json& numbers) {
  std::int64_t sum = 0;
  for (const auto& each : numbers)
    sum += each.get<std::int64_t>();
  return sum;
}

// A map that a gateway has read and does not use: somebody should look.
std::string render_held(const std::vector<json>& pages) {
  std::string text;
  for (const json& page : pages) {
    const json& held = page.at("held");
    if (held.is_null()) continue;
    text += fmt::format("\n{} holds back epoch {}, with {} backends up; missing:",
                        page.at("gateway").get<std::string>(), held.at("epoch").dump(),
                        held.at("servers_up").dump());
    for (const json& name : held.at("missing"))
      text += " " + name.get<std::string>();
    text += "\n";
  }
  return text;
}

// "1 of 2, 1 silent": links that are up, of those that the gateway wants.
std::string links_of(const json& backend) {
  if (!backend.contains("links")) return "?";  // an older gateway
  const json& links = backend["links"];
  const auto silent = links.at("suspect").get<std::int64_t>();
  std::string text = fmt::format("{} of {}", links.at("up").get<std::int64_t>(),
                                 links.at("wanted").get<std::int64_t>());
  if (silent != 0) text += fmt::format(", {} silent", silent);
  return text;
}

std::string render_shards(const std::vector<json>& pages) {
  text_table backends({{"BACKEND"},
                       {"STATE"},
                       {"LINKS"},
                       {"WEIGHT", align::right},
                       {"SHARE", align::right},
                       {"STREAMS", align::right},
                       {"EPOCH", align::right},
                       {"GATEWAY"}});
  text_table gateways({{"GATEWAY"},
                       {"EPOCH", align::right},
                       {"STREAMS", align::right},
                       {"TO MOVE", align::right},
                       {"PER SECOND", align::right},
                       {"ETA", align::right}});
  for (const json& page : pages) {
    const auto gateway = page.at("gateway").get<std::string>();
    const auto epoch = std::to_string(page.at("epoch").get<std::int64_t>());
    for (const json& backend : page.at("servers")) {
      backends.add({backend.at("name"), backend.at("state"), links_of(backend),
                    backend.at("weight").dump(), percent(backend.at("share")),
                    backend.at("streams").dump(), epoch, gateway});
    }
    const json& moves = page.at("moves");
    gateways.add({gateway, epoch, page.at("streams").dump(),
                  std::to_string(sum_of(moves.at("pending"))),
                  fmt::format("{:.0f}", moves.at("per_second").get<double>()),
                  fmt::format("{:.0f} s", moves.at("eta_seconds").get<double>())});
  }
  return backends.to_string() + "\n" + gateways.to_string() + render_held(pages);
}

std::string render_whois(const std::vector<json>& pages) {
  text_table owners({{"OWNER"}, {"EPOCH", align::right}, {"GATEWAY"}});
  text_table clients({{"GATEWAY"},
                      {"WORKER", align::right},
                      {"STREAM"},
                      {"BACKEND"},
                      {"PHASE"},
                      {"SINCE", align::right},
                      {"TO MOVE"}});
  bool has_clients = false;
  for (const json& page : pages) {
    const auto gateway = page.at("gateway").get<std::string>();
    const json& owner = page.at("owner");
    owners.add(
        {owner.is_null() ? "none" : owner.get<std::string>(), page.at("epoch").dump(), gateway});
    for (const json& client : page.at("clients")) {
      has_clients = true;
      clients.add({gateway, client.at("worker").dump(), client.at("tag"), client.at("server"),
                   client.at("phase"), fmt::format("{:.0f} s", client.at("seconds").get<double>()),
                   client.at("is_move_pending").get<bool>() ? "yes" : "no"});
    }
  }
  return owners.to_string() + "\n" + (has_clients ? clients.to_string() : "nobody is connected\n");
}

std::string render_what_if(const std::vector<json>& pages) {
  text_table gateways({{"GATEWAY"},
                       {"STREAMS", align::right},
                       {"WOULD MOVE", align::right},
                       {"HANDSHAKES/S", align::right},
                       {"TAKES", align::right}});
  std::int64_t streams = 0;
  std::int64_t moved = 0;
  double per_second = 0;
  double longest = 0;
  for (const json& page : pages) {
    const double pace = page.at("moves_per_second");
    const double seconds = page.at("seconds");
    streams += page.at("streams").get<std::int64_t>();
    moved += page.at("streams_moved").get<std::int64_t>();
    per_second += pace;
    longest = std::max(longest, seconds);
    gateways.add({page.at("gateway"), page.at("streams").dump(), page.at("streams_moved").dump(),
                  fmt::format("{:.0f}", pace), minutes(seconds)});
  }
  text_table backends({{"BACKEND"}, {"SHARE NOW", align::right}, {"THEN", align::right}});
  for (const json& backend : pages.front().at("servers"))
    backends.add({backend.at("name"), percent(backend.at("share_before")),
                  percent(backend.at("share_after"))});
  return fmt::format(
      "{} of the keys and {} of {} streams would move: {:.0f} handshakes a second for {}\n\n{}\n{}",
      percent(pages.front().at("keys_moved")), moved, streams, per_second, minutes(longest),
      backends.to_string(), gateways.to_string());
}

exit_code report_what_if(const gateway_options& options, const std::string& query) {
  return print_report(options, ask(options, "/what-if?" + query), render_what_if);
}

}  // namespace

exit_code report_shards(const gateway_options& options) {
  return print_report(options, ask(options, "/shards"), render_shards);
}

exit_code report_whois(const gateway_options& options, const std::string& key) {
  const answers all = ask(options, "/whois?key=" + percent_encoded(key));
  const exit_code status = print_report(options, all, render_whois);
  if (status != exit_ok) return status;
  const bool is_somewhere = std::ranges::any_of(
      all.pages, [](const json& page) { return !page.value("clients", json::array()).empty(); });
  return is_somewhere ? exit_ok : exit_no;
}

exit_code report_added(const gateway_options& options, const std::string& change) {
  const auto colon = change.rfind(':');
  std::string query = "add=" + percent_encoded(change.substr(0, colon));
  if (colon != std::string::npos) query += "&weight=" + percent_encoded(change.substr(colon + 1));
  return report_what_if(options, query);
}

exit_code report_removed(const gateway_options& options, const std::string& name) {
  return report_what_if(options, "remove=" + percent_encoded(name));
}

}  // namespace presenter::ctl
