// What a gateway says of itself to the fleet, and its form in the znode gateways/<name>. Plain
// values: who writes and who reads them is not known here. See: README.md, The report.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/report_errc.hpp"
#include "gateway/vocabulary/gateway_state.hpp"

namespace presenter::gateway {

using sys_ms = std::chrono::sys_time<std::chrono::milliseconds>;

// A longest name, 16 addresses and a dozen numbers, and room for fields of later versions.
inline constexpr std::size_t report_bytes_max = 4'096;
// Far more than one machine has towards its clients.
inline constexpr std::size_t report_addresses_max = 16;

struct load_report {
  std::string name;                    // of the gateway, and of its node
  std::vector<std::string> addresses;  // to publish; none: the gateway is not to be in DNS
  std::int64_t clients = 0;
  std::int64_t clients_max = 0;  // 0: not known
  double cpu = 0;                // share of the cores it may use, 0 … 1, smoothed over minutes
  double descriptors = 0;        // share of those it may open, 0 … 1
  std::int64_t handshake_backlog = 0;  // clients that wait for their handshake's turn
  gateway_state state = gateway_state::unready;
  double weight = 0;  // what it was last seen published with, 0 … 2; 0: it has no record
  // By the clock of whoever made the report; as_heard makes them of the reader's.
  sys_ms reported_at{};
  sys_ms started_at{};

  bool operator==(const load_report&) const = default;
};

// 1 … 255 printable characters of ASCII without blanks and '/', neither "." nor "..": it is a
// znode, and stands in logs and in lines of files.
bool is_gateway_name(std::string_view name) noexcept;

// The name is the node's, not in the text.
std::string encode_report(const load_report& report);

// Keys that are not known are ignored. `addresses`, `clients_max`, `cpu`, `descriptors`,
// `handshake_backlog` and `weight` may be missing. Throws nothing.
boost::system::result<load_report> decode_report(std::string_view name, std::string_view text);

// The same report as of `heard_at`, the reader's time when it found that the node had changed, and
// as old since its start as its maker says. Clocks of machines differ, and a report that is
// compared with another machine's clock would be outdated at once, or never.
load_report as_heard(load_report report, sys_ms heard_at);

}  // namespace presenter::gateway
