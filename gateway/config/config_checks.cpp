#include "gateway/config/config_checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <system_error>
#include <utility>

#include "base/parse_number.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_identity.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

std::string cannot_read(const fs::path& path, const std::string& why) {
  return fmt::format("cannot read '{}': {}", path.string(), why);
}

}  // namespace

std::optional<tcp_endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);

  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(std::string{host}, ec);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (ec || !port || address.is_v6() != has_brackets) return std::nullopt;
  return tcp_endpoint{unmapped(address), *port};
}

std::string format_endpoint(const tcp_endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address,
                     endpoint.port());
}

std::string check_zookeeper(std::string_view text) {
  if (shard_router::parse_zk_address(text)) return {};
  return fmt::format(
      "'{}' is not host:port,host:port/chroot; an IPv6 address stands in "
      "brackets",
      text);
}

std::string check_readable(const fs::path& path) {
  const auto failed = check_regular_file(path);
  return failed ? cannot_read(path, failed.message()) : std::string{};
}

std::string read_whole(const fs::path& path, std::size_t bytes_max, std::string& text,
                       file_kinds kinds) {
  auto read = read_whole_file(path, bytes_max, kinds);
  if (read) {
    text = std::move(*read);
    return {};
  }
  return read.error() == file_errc::too_large
             ? fmt::format("'{}' is larger than {} bytes", path.string(), bytes_max)
             : cannot_read(path, read.error().message());
}

std::string check_writable_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code ignored;
  const bool is_folder = fs::is_directory(folder, ignored);
  if (is_folder && ::access(folder.c_str(), W_OK | X_OK) == 0 && !fs::is_directory(path, ignored))
    return {};
  return is_folder ? fmt::format("'{}' cannot be written", path.string())
                   : fmt::format("there is no folder '{}'", folder.string());
}

std::string check_secret_file(const fs::path& path) {
  if (auto mistake = check_readable(path); !mistake.empty()) return mistake;
  std::error_code ec;
  const fs::perms mode = fs::status(path, ec).permissions();
  if (ec) return cannot_read(path, ec.message());
  if ((mode & (fs::perms::group_write | fs::perms::others_all)) == fs::perms::none) return {};
  return fmt::format("'{}' is open to others, mode {:o}: chmod 600 or 640", path.string(),
                     static_cast<unsigned>(mode));
}

std::string check_zookeeper_auth_file(const fs::path& path) {
  if (auto mistake = check_secret_file(path); !mistake.empty()) return mistake;
  if (shard_router::read_zk_identity(path)) return {};
  return fmt::format("'{}' does not hold one line user:password", path.string());
}

}  // namespace presenter::gateway
