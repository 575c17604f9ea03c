#include "presenterctl/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

namespace presenter::ctl {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds look_interval{500};

constexpr unsigned http_ok = 200;
constexpr unsigned http_bad_request = 400;
constexpr unsigned http_forbidden = 403;
constexpr unsigned http_not_found = 404;
constexpr unsigned http_conflict = 409;

// Of a gateway that says what it does not like.
exit_code code_of(unsigned http_status) {
  if (http_status == http_not_found || http_status == http_conflict) return exit_no;
  if (http_status == http_forbidden) return exit_refused;
  return http_status == http_bad_request ? exit_usage : exit_unreachable;
}

// Asked at different addresses, and their tags and links look alike at the backends.
void tell_namesakes(const std::map<std::string, std::set<std::string>>& by_name) {
  for (const auto& [name, addresses] : by_name) {
    if (addresses.size() > 1)
      fmt::print(stderr, "presenterctl: {} gateways call themselves '{}': set gateway.name\n",
                 addresses.size(), name);
  }
}

}  // namespace

answers ask(const gateway_options& options, const std::string& target, gateway_method method) {
  answers all;
  std::map<std::string, std::set<std::string>> by_name;
  for (const gateway_answer& each :
       ask_gateways(options.gateways, method, target, options.timeout)) {
    const bool is_said = each.page.is_object() && each.page.contains("error");
    if (each.status == http_ok && each.page.is_object()) {
      all.pages.push_back(each.page);
      if (each.page.contains("gateway") && each.page["gateway"].is_string())
        by_name[each.page["gateway"].get<std::string>()].insert(each.gateway);
      continue;
    }
    const std::string why = is_said            ? each.page["error"].get<std::string>()
                            : each.status != 0 ? fmt::format("answers {}", each.status)
                                               : each.mistake;
    fmt::print(stderr, "presenterctl: {}: {}\n", each.gateway, why);
    all.status = std::max(all.status, is_said ? code_of(each.status) : exit_unreachable);
  }
  tell_namesakes(by_name);
  return all;
}

exit_code print_report(const gateway_options& options, const answers& all,
                       const std::function<std::string(const std::vector<json>&)>& render) {
  try {
    if (options.is_json) {
      fmt::print("{}\n", json{{"gateways", all.pages}}.dump(2));
    } else if (!all.pages.empty()) {
      fmt::print("{}", render(all.pages));
    }
    return all.status;
  } catch (const json::exception& error) {
    fmt::print(stderr, "presenterctl: a gateway's answer is not understood: {}\n", error.what());
    return exit_unreachable;
  }
}

void pause_between_looks() {
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer(io, look_interval);
  timer.async_wait([](boost::system::error_code) {});
  io.run();
}

}  // namespace presenter::ctl
