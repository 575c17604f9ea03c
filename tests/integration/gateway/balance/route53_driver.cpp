// The publisher of Route 53 alone, for tests/integration/route53_test.py: a JSON object for each
// call in a line of stdin, its result in a line of stdout. The first argument, JSON as well, is the
// configuration; keys come from the environment. A gateway publishes the fleet that there is; this
// publishes whatever a test wants.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "gateway/balance/route53/route53_publisher.hpp"

namespace presenter::gateway::route53 {
namespace {

namespace asio = boost::asio;
using nlohmann::json;
using std::chrono::milliseconds;

credentials_source source_of(const std::string& name) {
  for (const auto& [known, source] :
       std::initializer_list<std::pair<const char*, credentials_source>>{
           {"environment", credentials_source::environment},
           {"file", credentials_source::file},
           {"container", credentials_source::container},
           {"instance", credentials_source::instance}}) {
    if (name == known) return source;
  }
  return credentials_source::automatic;
}

route53_options options_of(const json& from) {
  route53_options options;
  options.zone_id = from.at("zone");
  options.record_name = from.at("record");
  options.endpoint = net::parse_http_url(from.at("endpoint").get<std::string>()).value();
  options.ca_file = from.at("ca_file").get<std::string>();
  options.keys.source = source_of(from.value("credentials", "automatic"));
  options.request_timeout = milliseconds(from.value("request_timeout_ms", 10'000));
  options.call_timeout = milliseconds(from.value("call_timeout_ms", 30'000));
  return options;
}

dns_state state_of(const json& from) {
  dns_state state;
  state.record_name = from.at("record");
  state.ttl = std::chrono::seconds(from.value("ttl", 60));
  for (const json& each : from.at("records"))
    state.records.push_back(
        {each.at(0), asio::ip::make_address(each.at(1).get<std::string>()), each.at(2)});
  std::sort(state.records.begin(), state.records.end(), is_before);
  return state;
}

void print(const publish_result& result) {
  json line{{"error", name_of(result.error)}, {"text", result.text}, {"changed", result.changed}};
  if (result.retry_after) line["retry_after_ms"] = result.retry_after->count();
  std::cout << line.dump() << std::endl;
}

// Life: of main; the loop ends with stdin.
class driver {
 public:
  driver(asio::io_context& io, const json& options)
      : io_(io), in_(io, 0), publisher_(io, options_of(options), &std::getenv) {}

  void read() {
    asio::async_read_until(in_, lines_, '\n', [this](boost::system::error_code ended, std::size_t) {
      if (ended) return io_.stop();
      std::string line;
      std::istream stream(&lines_);
      std::getline(stream, line);
      obey(json::parse(line));
      read();  // the end may come in the middle of a call
    });
  }

 private:
  void obey(const json& order) {
    if (order.value("late", false)) publisher_.change_until(std::chrono::steady_clock::now());
    if (order.contains("check")) return publisher_.check(&print);
    publisher_.publish(state_of(order), &print);
  }

  asio::io_context& io_;
  asio::posix::stream_descriptor in_;
  asio::streambuf lines_;
  route53_publisher publisher_;
};

}  // namespace
}  // namespace presenter::gateway::route53

int main(int, char** arguments) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("route53"));
  boost::asio::io_context io;
  presenter::gateway::route53::driver driver(io, nlohmann::json::parse(arguments[1]));
  driver.read();
  io.run();
}
