#include "shard_router/zk_address.hpp"

#include <algorithm>
#include <charconv>

#include "shard_router/errc.hpp"

namespace presenter::shard_router {
namespace {

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 65'535;
}

bool is_server(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (host.empty() || (!is_bracketed && host.find_first_of(":[]") != std::string_view::npos)) {
    return false;
  }
  return std::ranges::none_of(host, [](char c) { return c <= ' ' || c == 0x7f; });
}

bool are_servers(std::string_view text) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!is_server(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

// "/a/b": no empty component, none that ZooKeeper refuses, no '/' at the end.
bool is_chroot(std::string_view text) {
  while (!text.empty()) {
    const std::string_view component = text.substr(1, text.find('/', 1) - 1);
    if (component.empty() || component == "." || component == "..") return false;
    if (std::ranges::any_of(component, [](char c) { return c <= ' ' || c == 0x7f; })) return false;
    text.remove_prefix(1 + component.size());
  }
  return true;
}

}  // namespace

boost::system::result<zk_address> parse_zk_address(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view servers = text.substr(0, slash);
  std::string_view chroot = slash == std::string_view::npos ? "" : text.substr(slash);
  if (chroot == "/") chroot = "";
  if (!are_servers(servers) || !is_chroot(chroot)) return errc::address_invalid;
  return zk_address{std::string(servers), std::string(chroot)};
}

}  // namespace presenter::shard_router
