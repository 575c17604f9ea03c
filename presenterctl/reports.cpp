#include "presenterctl/reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

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

// null: no link says so.
std::string hands_over(const json& backend) {
  const json found = backend.value("hands_over", json());
  if (found.is_null()) return "?";
  return found.get<bool>() ? "yes" : "no";
}

// Those that wait for a move: "312 (12 closes)".
std::string to_move(const json& moves) {
  const std::int64_t all = sum_of(moves.at("pending"));
  const auto closes = all - moves.value("handoffs_pending", std::int64_t{0});
  return closes == 0 ? std::to_string(all) : fmt::format("{} ({} closes)", all, closes);
}

// "2000 + 250": streams handed over, and clients closed.
std::string paces_of(double handoffs, double closes) {
  return fmt::format("{:.0f} + {:.0f}", handoffs, closes);
}

// Of all results: those that closed a client who was to be handed over.
std::int64_t failed_of(const json& handoffs) {
  std::int64_t failed = sum_of(handoffs);
  for (const char* other : {"done", "no_feature", "client_left", "shutting_down"})
    failed -= handoffs.value(other, std::int64_t{0});
  return failed;
}

std::string render_shards(const std::vector<json>& pages) {
  text_table backends({{"BACKEND"},
                       {"STATE"},
                       {"LINKS"},
                       {"HANDS OVER"},
                       {"WEIGHT", align::right},
                       {"SHARE", align::right},
                       {"STREAMS", align::right},
                       {"EPOCH", align::right},
                       {"GATEWAY"}});
  text_table gateways({{"GATEWAY"},
                       {"EPOCH", align::right},
                       {"STREAMS", align::right},
                       {"TO MOVE", align::right},
                       {"HANDOFFS + CLOSES/S", align::right},
                       {"ETA", align::right},
                       {"HANDED OVER", align::right},
                       {"FAILED", align::right}});
  for (const json& page : pages) {
    const auto gateway = page.at("gateway").get<std::string>();
    const auto epoch = std::to_string(page.at("epoch").get<std::int64_t>());
    for (const json& backend : page.at("servers")) {
      backends.add({backend.at("name"), backend.at("state"), links_of(backend), hands_over(backend),
                    backend.at("weight").dump(), percent(backend.at("share")),
                    backend.at("streams").dump(), epoch, gateway});
    }
    const json& moves = page.at("moves");
    const json handoffs = moves.value("handoffs", json::object());
    gateways.add({gateway, epoch, page.at("streams").dump(), to_move(moves),
                  paces_of(moves.value("handoffs_per_second", 0.0), moves.at("per_second")),
                  fmt::format("{:.0f} s", moves.at("eta_seconds").get<double>()),
                  std::to_string(handoffs.value("done", std::int64_t{0})),
                  std::to_string(failed_of(handoffs))});
  }
  return backends.to_string() + "\n" + gateways.to_string() + render_held(pages);
}

// "handoff", or "close: backend_cannot".
std::string way_of(const json& client) {
  const json way = client.value("moves_by", json());
  if (way.is_null()) return "-";
  const json obstacle = client.value("obstacle", json());
  return way.get<std::string>() + (obstacle.is_null() ? "" : ": " + obstacle.get<std::string>());
}

std::string render_whois(const std::vector<json>& pages) {
  text_table owners({{"OWNER"}, {"EPOCH", align::right}, {"GATEWAY"}});
  text_table clients({{"GATEWAY"},
                      {"WORKER", align::right},
                      {"STREAM"},
                      {"BACKEND"},
                      {"PHASE"},
                      {"SINCE", align::right},
                      {"TO MOVE"},
                      {"BY"}});
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
                   client.at("is_move_pending").get<bool>() ? "yes" : "no", way_of(client)});
    }
  }
  return owners.to_string() + "\n" + (has_clients ? clients.to_string() : "nobody is connected\n");
}

// Who would be closed after all.
std::string render_closes(const std::vector<json>& pages) {
  const std::map<std::string, std::string> words{
      {"switched_off", "moves.handoffs_per_second is 0"},
      {"backend_cannot", "the backend gives no streams up"},
      {"owner_cannot", "the new owner takes no streams over"}};
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  for (const json& page : pages) {
    for (const json& each : page.at("streams_closed")) {
      const json& server = each.at("server");
      counts[{each.at("obstacle"), server.is_null() ? "-" : server.get<std::string>()}] +=
          each.at("streams").get<std::int64_t>();
    }
  }
  if (counts.empty()) return "";
  text_table closes({{"CLOSED", align::right}, {"BACKEND"}, {"WHY"}});
  for (const auto& [why, count] : counts) {
    const auto known = words.find(why.first);
    closes.add(
        {std::to_string(count), why.second, known == words.end() ? why.first : known->second});
  }
  return "\n" + closes.to_string();
}

// What the gateways would have to do, all of them together.
struct moving {
  std::int64_t streams = 0;
  std::int64_t moved = 0;
  std::int64_t handed_over = 0;
  double closes_per_second = 0;
  double longest = 0;  // seconds

  std::string text() const {
    std::string said = fmt::format("{} of {} streams would move in {}: {} handed over", moved,
                                   streams, minutes(longest), handed_over);
    if (moved > handed_over)
      said += fmt::format(", {} closed, with {:.0f} handshakes a second when they come back",
                          moved - handed_over, closes_per_second);
    return said;
  }
};

std::string render_what_if(const std::vector<json>& pages) {
  text_table gateways({{"GATEWAY"},
                       {"STREAMS", align::right},
                       {"WOULD MOVE", align::right},
                       {"HANDED OVER", align::right},
                       {"HANDOFFS + CLOSES/S", align::right},
                       {"TAKES", align::right}});
  moving all;
  for (const json& page : pages) {
    const double pace = page.at("moves_per_second");
    const double seconds = page.at("seconds");
    all.streams += page.at("streams").get<std::int64_t>();
    all.moved += page.at("streams_moved").get<std::int64_t>();
    all.handed_over += page.at("streams_handed_over").get<std::int64_t>();
    all.closes_per_second += pace;
    all.longest = std::max(all.longest, seconds);
    gateways.add({page.at("gateway"), page.at("streams").dump(), page.at("streams_moved").dump(),
                  page.at("streams_handed_over").dump(),
                  paces_of(page.at("handoffs_per_second"), pace), minutes(seconds)});
  }
  text_table backends({{"BACKEND"}, {"SHARE NOW", align::right}, {"THEN", align::right}});
  for (const json& backend : pages.front().at("servers"))
    backends.add({backend.at("name"), percent(backend.at("share_before")),
                  percent(backend.at("share_after"))});
  return fmt::format("{} of the keys and {}\n\n{}\n{}{}", percent(pages.front().at("keys_moved")),
                     all.text(), backends.to_string(), gateways.to_string(), render_closes(pages));
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
