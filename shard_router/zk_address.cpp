#include "shard_router/zk_address.hpp"

#include <algorithm>

#include "shard_router/errc.hpp"
#include "shard_router/host.hpp"

namespace presenter::shard_router {
namespace {

bool is_server(std::string_view text) {
  const auto parsed = parse_host_port(text);
  return parsed && parsed->port != 0;
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
