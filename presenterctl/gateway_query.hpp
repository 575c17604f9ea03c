// Asks the admin endpoints of gateways, all with one question, one after the other.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::ctl {

struct gateway_answer {
  std::string gateway;           // as it was named on the command line
  unsigned status = 0;           // of HTTP; 0: no answer
  nlohmann::json page;           // with a status: what it says; may be null
  std::string mistake;           // without: why, in words
  bool is_nobody_there = false;  // without: nobody listens at this address
};

// "HOST:PORT", an IPv6 address in brackets; or "unix:PATH".
struct gateway_address {
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // of a unix socket; empty: it is none
};
std::optional<gateway_address> parse_gateway(std::string_view text);

// Those of this machine, as "unix:PATH": what PRESENTERCTL_GATEWAY names, divided by commas, or
// else all sockets in /run/presenter.
std::vector<std::string> gateways_here();

// Everything but letters, digits, '-', '.', '_' and '~' as %XX.
std::string percent_encoded(std::string_view text);

// A question changes nothing; an order (POST) is taken from this machine, or with a token.
enum class gateway_method : std::uint8_t { question, order };

// `target` at each; every one has `timeout`, from connecting to the last byte. `token`: empty, if
// there is none.
std::vector<gateway_answer> ask_gateways(const std::vector<std::string>& gateways,
                                         gateway_method method, const std::string& target,
                                         std::chrono::milliseconds timeout,
                                         const std::string& token);

}  // namespace presenter::ctl
