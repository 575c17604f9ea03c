// The publisher by itself, for tests/integration/powerdns_test.py.
//
//   presenter-powerdns-driver URL SERVER ZONE RECORD API_KEY_FILE
//
// Each line of stdin is "check", or a state as exec_input writes it; each is answered with a line
// {"error": "ok", "text": "", "changed": 2}. It ends with stdin.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "gateway/balance/powerdns/powerdns_publisher.hpp"

namespace {

using namespace presenter::gateway;
using nlohmann::json;

powerdns_settings settings_of(char** words) {
  powerdns_settings settings;
  settings.url = presenter::net::parse_http_url(words[1]).value();
  settings.server = words[2];
  settings.zone = words[3];
  settings.record = words[4];
  settings.api_key_file = words[5];
  return settings;
}

dns_state state_of(const std::string& line) {
  const json input = json::parse(line);
  dns_state state{.record_name = input.at("record"),
                  .ttl = std::chrono::seconds(input.at("ttl").get<int>()),
                  .records = {}};
  for (const json& each : input.at("records")) {
    state.records.push_back({each.at("gateway"),
                             boost::asio::ip::make_address(each.at("address").get<std::string>()),
                             each.at("weight")});
  }
  std::sort(state.records.begin(), state.records.end(), is_before);
  return state;
}

void answer(const publish_result& result) {
  std::cout << json{{"error", name_of(result.error)},
                    {"text", result.text},
                    {"changed", result.changed}}
                   .dump()
            << std::endl;
}

}  // namespace

int main(int count, char** words) {
  if (count != 6) return 2;
  boost::asio::io_context io;
  powerdns_publisher publisher(io, settings_of(words));
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "check")
      publisher.check(answer);
    else
      publisher.publish(state_of(line), answer);
    io.run();
    io.restart();
  }
}
