#include "gateway/config/dns_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "gateway/config/config_checks.hpp"
#include "gateway/config/dns_name.hpp"
#include "gateway/config/publishable_address.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// What fits one report to the fleet.
constexpr std::size_t addresses_max = 16;

// Of a SetIdentifier, which has the gateway's name besides.
constexpr std::size_t set_prefix_bytes_max = 64;

bool is_loopback(const std::string& host) {
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(host, no_address);
  return no_address ? host == "localhost" : address.is_loopback();
}

bool is_of_server(char each) {
  return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
         (each >= '0' && each <= '9') || each == '-' || each == '_' || each == '.';
}

void read_name(config_section& section, std::string_view key, std::string& out) {
  const auto name = section.text(key, out);
  if (!name) return;
  if (absolute_name(*name))
    out = *name;
  else
    section.fail(key, fmt::format("'{}' is not a name like 'chat.example'", *name));
}

// One that listens at :: takes IPv4 as well.
bool takes_family_of(const boost::asio::ip::address& listening,
                     const boost::asio::ip::address& address) {
  if (listening.is_v4()) return address.is_v4();
  return address.is_v6() || listening.is_unspecified();
}

void read_addresses(config_section& section, const boost::asio::ip::address& listening,
                    std::vector<boost::asio::ip::address>& out) {
  std::vector<std::string> now;
  now.reserve(out.size());
  for (const auto& each : out)
    now.push_back(each.to_string());
  const auto texts = section.texts("addresses", now);
  if (!texts) return;
  if (texts->empty() || texts->size() > addresses_max)
    return section.fail("addresses", fmt::format("must be 1 to {} addresses", addresses_max));
  for (const std::string& text : *texts) {
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address(text, failed);
    if (failed || !is_publishable(address))
      section.fail("addresses",
                   fmt::format("'{}' is not an address that clients can connect to", text));
    else if (!takes_family_of(listening, address))
      section.fail("addresses",
                   fmt::format("'{}' finds nobody: listen.address is {}, which takes no "
                               "IPv{}",
                               text, listening.to_string(), address.is_v4() ? 4 : 6));
    else if (std::ranges::find(out, address) != out.end())
      section.fail("addresses", fmt::format("'{}' is there twice", text));
    else
      out.push_back(address);
  }
}

std::string text_of(const net::http_url& url) {
  return (url.is_tls ? "https://" : "http://") + url.authority() +
         (url.target == "/" ? "" : url.target);
}

void read_url(config_section& section, std::optional<net::http_url>& out) {
  const auto text = section.text("url", out ? text_of(*out) : "");
  if (!text) return;
  const auto url = net::parse_http_url(*text);
  if (!url || url->target.find('?') != std::string::npos)
    return section.fail("url",
                        fmt::format("'{}' is not a URL like 'http://127.0.0.1:8081'", *text));
  if (!url->is_tls && !is_loopback(url->host))
    section.warn("url", "sends the key over the network as it is: https:// does not");
  out = *url;
}

void read_prefix(config_section& section, std::string& out) {
  section.read("set_prefix", out);
  const auto is_printable = [](char each) { return each > ' ' && each <= '~'; };
  if (out.size() > set_prefix_bytes_max || !std::ranges::all_of(out, is_printable))
    section.fail("set_prefix", fmt::format("must be 1 to {} printable characters without blanks",
                                           set_prefix_bytes_max));
}

void read_route53(config_section section, const fs::path& folder, const dns_config& dns,
                  route53_config& out) {
  section.read("zone_id", out.zone_id);
  read_prefix(section, out.set_prefix);
  if (const auto text = section.text("endpoint", text_of(out.endpoint))) {
    const auto url = net::parse_http_url(*text);
    if (url)
      out.endpoint = *url;
    else
      section.fail("endpoint", fmt::format("'{}' is not a URL like 'https://host'", *text));
  }
  if (const auto path = section.text("ca_file", out.ca_file.value_or("").string())) {
    out.ca_file = folder / *path;
    if (auto mistake = check_readable(*out.ca_file); !mistake.empty())
      section.fail("ca_file", std::move(mistake));
  }
  section.read_word("credentials", aws_credentials_names, out.credentials);
  section.read("profile", out.profile);
  if (dns.publisher == dns_publisher_kind::route53) section.require("zone_id");
  section.finish();
}

void read_powerdns(config_section section, const fs::path& folder, const dns_config& dns,
                   powerdns_config& out) {
  read_url(section, out.url);
  section.read("server", out.server);
  if (!std::ranges::all_of(out.server, is_of_server))
    section.fail("server", fmt::format("'{}' is not a name like 'localhost'", out.server));
  read_name(section, "zone", out.zone);
  if (const auto path = section.text("api_key_file", out.api_key_file.string())) {
    out.api_key_file = folder / *path;
    if (auto mistake = check_secret_file(out.api_key_file); !mistake.empty())
      section.fail("api_key_file", std::move(mistake));
  }
  if (const auto path = section.text("ca_file", out.ca_file.value_or("").string())) {
    out.ca_file = folder / *path;
    if (auto mistake = check_readable(*out.ca_file); !mistake.empty())
      section.fail("ca_file", std::move(mistake));
  }
  if (dns.publisher == dns_publisher_kind::powerdns) {
    for (const char* key : {"url", "zone", "api_key_file"})
      section.require(key);
    if (!out.zone.empty() && !dns.record.empty() &&
        !is_in_zone(*absolute_name(dns.record), *absolute_name(out.zone)))
      section.fail("zone", fmt::format("dns.record '{}' is not in '{}'", dns.record, out.zone));
  }
  section.finish();
}

void read_file(config_section section, const fs::path& folder, const dns_config& dns,
               dns_file_config& out) {
  if (const auto path = section.text("path", out.path.string())) out.path = folder / *path;
  if (dns.publisher == dns_publisher_kind::file) section.require("path");
  section.finish();
}

void read_exec(config_section section, const fs::path& folder, const dns_config& dns,
               dns_exec_config& out) {
  if (const auto path = section.text("program", out.program.string())) out.program = folder / *path;
  section.read("timeout", out.timeout, 100ms, 10min);
  if (dns.publisher == dns_publisher_kind::exec) section.require("program");
  section.finish();
}

}  // namespace

void read_dns(config_section section, const boost::asio::ip::address& listening,
              const fs::path& folder, dns_config& out) {
  section.read_word("publisher", dns_publisher_names, out.publisher);
  read_name(section, "record", out.record);
  read_addresses(section, listening, out.addresses);
  section.read("ttl", out.ttl, 1s, 24h);
  if (out.ttl % 1s != 0ms) section.fail("ttl", "must be whole seconds");
  section.read("interval", out.interval, 1s, 1h);
  section.read("unready_after", out.unready_after, 0ms, 1h);
  if (out.publisher != dns_publisher_kind::none) {
    section.require("record");
    if (!section.has("addresses") && !is_publishable(listening))
      section.fail("addresses",
                   fmt::format("is required, for listen.address is {}", listening.to_string()));
  }
  read_route53(section.section("route53"), folder, out, out.route53);
  read_powerdns(section.section("powerdns"), folder, out, out.powerdns);
  read_file(section.section("file"), folder, out, out.file);
  read_exec(section.section("exec"), folder, out, out.exec);
  section.finish();
}

}  // namespace presenter::gateway
