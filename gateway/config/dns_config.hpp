// [dns]: under which name clients find the fleet, and who keeps its records.
// deploy/configuration.md has the keys in tables.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/net/http_url.hpp"

namespace presenter::gateway {

enum class dns_publisher_kind : std::uint8_t { none, route53, powerdns, file, exec };

inline constexpr std::array<std::string_view, 5> dns_publisher_names{"none", "route53", "powerdns",
                                                                     "file", "exec"};

// Where the keys for AWS come from; automatic: the first of the others that has any.
enum class aws_credentials : std::uint8_t { automatic, environment, file, container, imds };

inline constexpr std::array<std::string_view, 5> aws_credentials_names{"auto", "environment",
                                                                       "file", "container", "imds"};

// [dns.route53]
struct route53_config {
  std::string zone_id;  // required by it
  // What the SetIdentifiers begin with that are this fleet's: 1 … 64 characters. Gateways without
  // ZooKeeper do not know each other: each needs its own.
  std::string set_prefix = "presenter-";
  net::http_url endpoint{.host = "route53.amazonaws.com"};
  std::optional<std::filesystem::path> ca_file;  // PEM, of the endpoint. Nothing: the system's.
  aws_credentials credentials = aws_credentials::automatic;
  std::string profile;  // of the shared file. Empty: AWS_PROFILE, or "default".
};

// [dns.powerdns]: what PowerDNS's HTTP API must be told. The first three are required by it.
struct powerdns_config {
  std::optional<net::http_url> url;    // without a query: what stands before /api/v1
  std::string zone;                    // in which dns.record lies
  std::filesystem::path api_key_file;  // one line; nobody else may read the file
  std::string server = "localhost";    // as PowerDNS names itself; letters, digits, '-', '_', '.'
  // PEM: whose certificates are trusted. Nothing: the system's.
  std::optional<std::filesystem::path> ca_file;
};

// [dns.file]
struct dns_file_config {
  std::filesystem::path path;  // required by the publisher "file"
};

// [dns.exec]
struct dns_exec_config {
  std::filesystem::path program;                                // required by the publisher "exec"
  std::chrono::milliseconds timeout{std::chrono::seconds{10}};  // 100 ms … 10 min
};

struct dns_config {
  dns_publisher_kind publisher = dns_publisher_kind::none;
  std::string record;  // "chat.example"; required unless nobody publishes
  // Of this gateway, 1 … 16, none twice. Empty: listen.address, which then is no wildcard.
  std::vector<boost::asio::ip::address> addresses;
  // How long caches keep an answer: whole seconds, 1 s … 24 h.
  std::chrono::milliseconds ttl{std::chrono::seconds{60}};
  // The shortest time between two publications of what is not urgent. 1 s … 1 h.
  std::chrono::milliseconds interval{std::chrono::seconds{30}};
  // How long a gateway is unready before its record is taken back. 0 … 1 h.
  std::chrono::milliseconds unready_after{std::chrono::seconds{10}};
  route53_config route53;
  powerdns_config powerdns;
  dns_file_config file;
  dns_exec_config exec;
};

}  // namespace presenter::gateway
