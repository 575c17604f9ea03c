#include "base/net/http_url.hpp"

#include <algorithm>
#include <optional>

#include "base/net/errc.hpp"
#include "base/parse_number.hpp"

namespace presenter::net {
namespace {

constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t http_port = 80;

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_printable(char each) {
  return each > ' ' && each < '\x7f';
}

bool is_of_host(char each) {
  return is_printable(each) &&
         std::string_view("@:[]?#\\\"<>%").find(each) == std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<std::uint16_t>(text);
  return port && *port != 0 ? port : std::nullopt;
}

// In `left` what follows the host remains: nothing, or ':' and the port.
std::optional<std::string> take_host(std::string_view& left) {
  std::string_view host;
  if (take(left, "[")) {
    const auto end = left.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = left.substr(0, end);
    left.remove_prefix(end + 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
      return std::nullopt;
  } else {
    host = left.substr(0, left.find(':'));
    left.remove_prefix(host.size());
    if (!std::all_of(host.begin(), host.end(), is_of_host)) return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  return std::string(host);
}

}  // namespace

std::string http_url::authority() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string name = is_v6 ? '[' + host + ']' : host;
  return port == (is_tls ? https_port : http_port) ? name : name + ':' + std::to_string(port);
}

boost::system::result<http_url> parse_http_url(std::string_view text) {
  http_url made;
  made.is_tls = take(text, "https://");
  if (!made.is_tls && !take(text, "http://")) return errc::url_invalid;
  made.port = made.is_tls ? https_port : http_port;

  const auto target_at = std::min(text.find_first_of("/?"), text.size());
  const std::string_view target = text.substr(target_at);
  std::string_view authority = text.substr(0, target_at);
  const auto is_of_target = [](char each) { return is_printable(each) && each != '#'; };
  if (!std::all_of(target.begin(), target.end(), is_of_target)) return errc::url_invalid;
  made.target = target.starts_with('/') ? std::string(target) : '/' + std::string(target);

  const auto host = take_host(authority);
  if (!host) return errc::url_invalid;
  made.host = *host;
  if (authority.empty()) return made;
  const auto port = take(authority, ":") ? parse_port(authority) : std::nullopt;
  if (!port) return errc::url_invalid;
  made.port = *port;
  return made;
}

}  // namespace presenter::net
