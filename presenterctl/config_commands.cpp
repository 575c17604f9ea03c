#include "presenterctl/config_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "presenterctl/answers.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;

std::string shown(const json& value) {
  const auto text = value.get<std::string>();
  return text.empty() ? "-" : text;
}

void add_pending(text_table& table, const json& page) {
  for (const json& each : page.at("pending"))
    table.add({page.at("gateway"), each.at("key"), shown(each.at("running")),
               shown(each.at("file")),
               fmt::format("needs {}", each.at("needs").get<std::string>())});
}

std::string render_configuration(const std::vector<json>& pages, bool only_set) {
  text_table table({{"GATEWAY"}, {"KEY"}, {"VALUE"}, {"FROM"}});
  text_table pending({{"GATEWAY"}, {"KEY"}, {"RUNNING"}, {"FILE"}, {"WHEN"}});
  bool is_pending = false;
  for (const json& page : pages) {
    for (const json& each : page.at("values")) {
      if (only_set && each.at("origin") == "default") continue;
      table.add({page.at("gateway"), each.at("key"), shown(each.at("value")), each.at("origin")});
    }
    is_pending = is_pending || !page.at("pending").empty();
    add_pending(pending, page);
  }
  return table.to_string() + (is_pending ? "\n" + pending.to_string() : "");
}

std::string render_reload(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"}, {"KEY"}, {"OLD"}, {"NEW"}, {"WHEN"}});
  std::string warnings;
  for (const json& page : pages) {
    for (const json& each : page.at("changed"))
      table.add({page.at("gateway"), each.at("key"), shown(each.at("old")), shown(each.at("new")),
                 each.at("holds")});
    add_pending(table, page);
    if (page.at("changed").empty() && page.at("pending").empty())
      table.add({page.at("gateway"), "-", "-", "-", "nothing has changed"});
    for (const json& each : page.at("warnings"))
      warnings += each.get<std::string>() + " (warning)\n";
  }
  return table.to_string() + warnings;
}

}  // namespace

exit_code show_configuration(const gateway_options& options, bool only_set) {
  return print_report(options, ask(options, "/config"), [only_set](const std::vector<json>& pages) {
    return render_configuration(pages, only_set);
  });
}

exit_code reload_configuration(const gateway_options& options) {
  answers all;
  for (const std::string& gateway : options.gateways) {
    gateway_options one = options;
    one.gateways = {gateway};
    answers its = ask(one, "/reload", gateway_method::order);
    std::ranges::move(its.pages, std::back_inserter(all.pages));
    all.status = its.status;
    if (all.status != exit_ok) break;
  }
  return print_report(options, all, render_reload);
}

}  // namespace presenter::ctl
