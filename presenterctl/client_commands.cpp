#include "presenterctl/client_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>
#include <vector>

#include "presenterctl/answers.hpp"
#include "presenterctl/plain_words.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;
using align = text_table::align;

std::string text_or(const json& value, std::string_view nothing) {
  return value.is_null() ? std::string(nothing) : value.get<std::string>();
}

std::string target_of(const clients_options& clients, const std::string& cursor) {
  std::string target = fmt::format("/clients?count={}", clients.count);
  const auto add = [&target](std::string_view name, const std::string& value) {
    if (!value.empty()) target += fmt::format("&{}={}", name, percent_encoded(value));
  };
  add("key", clients.key);
  add("hash", clients.hash);
  add("address", clients.address);
  add("backend", clients.backend);
  add("phase", clients.phase);
  add("idle", clients.idle);
  add("cursor", cursor);
  if (clients.bytes != 0) target += fmt::format("&bytes={}", clients.bytes);
  return target;
}

std::string render_clients(const std::vector<json>& pages) {
  text_table table({{"TAG"},
                    {"ADDRESS"},
                    {"BACKEND"},
                    {"PHASE"},
                    {"FOR", align::right},
                    {"IDLE", align::right},
                    {"TO BACKEND", align::right},
                    {"TO CLIENT", align::right},
                    {"KEY'S HASH"}});
  std::string rest;
  for (const json& page : pages) {
    for (const json& client : page.at("clients")) {
      table.add({client.at("tag"), client.at("address"), text_or(client.at("backend"), "-"),
                 client.at("phase"), time_of(client.at("seconds"), ""),
                 time_of(client.at("idle_seconds"), ""), bytes_of(client.at("bytes_to_backend")),
                 bytes_of(client.at("bytes_to_client")), text_or(client.at("hash"), "-")});
    }
    rest += fmt::format("{}: {} of {} that match", page.at("gateway").get<std::string>(),
                        page.at("clients").size(), page.at("matching").dump());
    const json& next = page.at("next");
    rest += next.is_null() ? "\n" : fmt::format("; more: --cursor {}\n", next.get<std::string>());
  }
  return table.to_string() + "\n" + rest;
}

// All that there is behind `page`, into it.
exit_code add_rest(const gateway_options& of_one, const clients_options& clients, json& page) {
  while (!page.at("next").is_null()) {
    const answers more = ask(of_one, target_of(clients, page.at("next").get<std::string>()));
    if (more.pages.empty()) return more.status;
    for (const json& client : more.pages.front().at("clients"))
      page["clients"].push_back(client);
    page["next"] = more.pages.front().at("next");
  }
  return exit_ok;
}

// One client is at one gateway: that the others do not have it is no mistake, if one has.
answers ask_who_has(const gateway_options& options, const std::string& target,
                    gateway_method method) {
  constexpr unsigned http_not_found = 404;
  answers all;
  std::vector<gateway_answer> without;
  for (gateway_answer& each :
       ask_gateways(options.gateways, method, target, options.timeout, options.token)) {
    if (each.status == http_not_found && each.page.is_object() && each.page.contains("error"))
      without.push_back(std::move(each));
    else
      all.take(each);
  }
  if (all.pages.empty()) {
    for (const gateway_answer& each : without)
      all.take(each);
  }
  return all;
}

std::string render_client(const std::vector<json>& pages) {
  std::string text;
  for (const json& page : pages) {
    text_table table({{"CLIENT"}, {page.at("tag").get<std::string>()}});
    table.add({"gateway", page.at("gateway")});
    table.add({"worker", page.at("worker").dump()});
    table.add({"address", page.at("address")});
    table.add({"phase", page.at("phase")});
    table.add({"backend", text_or(page.at("backend"), "-")});
    table.add({"owner of its key", text_or(page.at("owner"), "-")});
    table.add({"key's hash", text_or(page.at("hash"), "-")});
    table.add({"here for", time_of(page.at("seconds"), "")});
    table.add({"idle for", time_of(page.at("idle_seconds"), "")});
    table.add({"to the backend", bytes_of(page.at("bytes_to_backend"))});
    table.add({"to the client", bytes_of(page.at("bytes_to_client"))});
    table.add({"waits for a move", page.at("is_move_pending").get<bool>() ? "yes" : "no"});
    if (const json& tls = page.at("tls"); !tls.is_null()) {
      table.add({"TLS", fmt::format("{} {}{}", tls.at("version").get<std::string>(),
                                    tls.at("suite").get<std::string>(),
                                    tls.at("resumed").get<bool>() ? ", resumed" : "")});
      for (const char* fact : {"server_name", "alpn", "client_subject"}) {
        if (!tls.at(fact).get<std::string>().empty()) table.add({fact, tls.at(fact)});
      }
    }
    text += table.to_string();
  }
  return text;
}

std::string render_closed(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"}, {"CLOSED", align::right}});
  for (const json& page : pages)
    table.add({page.at("gateway"), page.at("closed").dump()});
  return table.to_string();
}

std::string render_log_level(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"}, {"LOG LEVEL"}, {"CONFIGURED"}});
  for (const json& page : pages)
    table.add({page.at("gateway"), page.at("level"), page.at("configured")});
  return table.to_string();
}

}  // namespace

exit_code list_clients(const gateway_options& options, const clients_options& clients) {
  answers all;
  try {
    for (const std::string& gateway : options.gateways) {
      gateway_options one = options;
      one.gateways = {gateway};
      answers its = ask(one, target_of(clients, clients.cursor));
      if (clients.is_all && !its.pages.empty())
        its.status = add_rest(one, clients, its.pages.front());
      all.status = std::max(all.status, its.status);
      std::ranges::move(its.pages, std::back_inserter(all.pages));
    }
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
  return print_report(options, all, render_clients);
}

exit_code show_client(const gateway_options& options, const std::string& tag) {
  const auto all =
      ask_who_has(options, "/clients/" + percent_encoded(tag), gateway_method::question);
  return print_report(options, all, render_client);
}

exit_code close_clients(const gateway_options& options, const close_options& close) {
  const std::string target = close.tag.empty()
                                 ? "/clients/close?key=" + percent_encoded(close.key)
                                 : "/clients/" + percent_encoded(close.tag) + "/close";
  return print_report(options, ask_who_has(options, target, gateway_method::order), render_closed);
}

exit_code tell_log_level(const gateway_options& options, const std::string& level) {
  const answers all = level.empty() ? ask(options, "/log-level")
                                    : ask(options, "/log-level?level=" + percent_encoded(level),
                                          gateway_method::order);
  return print_report(options, all, render_log_level);
}

}  // namespace presenter::ctl
