#include "presenterctl/upgrade_command.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "presenterctl/answers.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;
using align = text_table::align;

constexpr std::chrono::milliseconds look_interval{50};

// Looks in a row without an answer, before a gateway is given up.
constexpr int looks_failed_max = 20;

void wait_a_little() {
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer(io, look_interval);
  timer.async_wait([](boost::system::error_code) {});
  io.run();
}

std::string target_of(const upgrade_options& upgrade) {
  std::string target = "/upgrade?";
  if (!upgrade.program.empty()) target += "program=" + percent_encoded(upgrade.program) + "&";
  if (upgrade.is_dry_run) target += "dry_run=1&";
  if (upgrade.is_confirmed) target += "yes=1&";
  target.pop_back();
  return target;
}

bool has_ended(const json& page, std::int64_t number) {
  const json& last = page.at("last");
  return !last.is_null() && last.at("number").get<std::int64_t>() >= number &&
         !last.at("result").is_null();
}

bool is_done(const json& page) {
  return page.at("last").at("result") == "done";
}

// The page of whoever answers when it is over; nothing: nobody does.
std::optional<json> wait_for_end(const gateway_options& options, const std::string& gateway,
                                 std::int64_t number) {
  for (int failed = 0;;) {
    const auto answer = ask_gateways({gateway}, gateway_method::question, "/upgrade",
                                     options.timeout, options.token)
                            .front();
    if (answer.status == 200 && answer.page.is_object()) {
      if (has_ended(answer.page, number)) return answer.page;
      failed = 0;
    } else if (++failed == looks_failed_max) {
      fmt::print(stderr, "presenterctl: {}: it does not say what became of it: {}\n", gateway,
                 answer.mistake);
      return std::nullopt;
    }
    wait_a_little();
  }
}

void tell_failure(const std::string& gateway, const json& page) {
  const json& last = page.at("last");
  for (const json& line : last.at("output"))
    fmt::print(stderr, "presenterctl: {}: {}\n", gateway, line.get<std::string>());
  fmt::print(stderr, "presenterctl: {}: {}: {}; the gateway goes on as it was\n", gateway,
             last.at("result").get<std::string>(), last.at("reason").get<std::string>());
}

std::string render(const std::vector<json>& pages) {
  text_table table({{"GATEWAY"},
                    {"RESULT"},
                    {"VERSION"},
                    {"CLIENTS", align::right},
                    {"LEFT BEHIND", align::right},
                    {"STOOD STILL", align::right}});
  for (const json& page : pages) {
    const json& last = page.at("last");
    const json& silence = last.at("silence_seconds");
    const bool is_dry_run = last.at("dry_run").get<bool>() && is_done(page);
    table.add({page.at("gateway"),
               is_dry_run ? "would be done" : last.at("result").get<std::string>(),
               page.at("version"), last.at("clients").dump(), last.at("left_behind").dump(),
               silence.is_null() ? "-" : fmt::format("{:.0f} ms", silence.get<double>() * 1'000)});
  }
  return table.to_string();
}

// Appends what the gateway says at the end.
exit_code upgrade_one(const gateway_options& options, const std::string& gateway,
                      const upgrade_options& upgrade, std::vector<json>& pages) {
  gateway_options its = options;
  its.gateways = {gateway};
  const answers begun = ask(its, target_of(upgrade), gateway_method::order);
  if (begun.status != exit_ok) return begun.status;
  const auto number = begun.pages.front().at("last").at("number").get<std::int64_t>();
  const auto page = wait_for_end(options, gateway, number);
  if (!page) return exit_unreachable;
  pages.push_back(*page);
  if (is_done(*page)) return exit_ok;
  tell_failure(gateway, *page);
  return exit_no;
}

}  // namespace

exit_code upgrade_gateways(const gateway_options& options, const upgrade_options& upgrade) {
  answers all;
  try {
    for (const std::string& gateway : options.gateways) {
      all.status = upgrade_one(options, gateway, upgrade, all.pages);
      if (all.status != exit_ok) break;
    }
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
  return print_report(options, all, render);
}

}  // namespace presenter::ctl
