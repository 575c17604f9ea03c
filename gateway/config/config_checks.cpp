#include "gateway/config/config_checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "base/parse_number.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_identity.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using file_ptr = std::unique_ptr<std::FILE, freed_by<&std::fclose>>;

std::string cannot_read(const fs::path& path, int error) {
  return fmt::format("cannot read '{}': {}", path.string(), std::generic_category().message(error));
}

file_ptr open_file(const fs::path& path) {
  return file_ptr{std::fopen(path.c_str(), "re")};
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
  std::error_code ec;
  const auto status = fs::status(path, ec);
  if (ec) return cannot_read(path, ec.value());
  if (fs::is_directory(status)) return cannot_read(path, EISDIR);
  if (!open_file(path)) return cannot_read(path, errno);
  return {};
}

std::string read_whole(const fs::path& path, std::size_t bytes_max, std::string& text) {
  const auto file = open_file(path);
  if (!file) return cannot_read(path, errno);
  std::array<char, 4'096> piece;
  while (const auto size = std::fread(piece.data(), 1, piece.size(), file.get())) {
    if (text.size() + size > bytes_max)
      return fmt::format("'{}' is larger than {} bytes", path.string(), bytes_max);
    text.append(piece.data(), size);
  }
  return std::ferror(file.get()) != 0 ? cannot_read(path, errno) : std::string{};
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
  if (ec) return cannot_read(path, ec.value());
  if ((mode & (fs::perms::group_write | fs::perms::others_all)) == fs::perms::none) return {};
  return fmt::format("'{}' is open to others, mode {:o}: chmod 600 or 640", path.string(),
                     static_cast<unsigned>(mode));
}

std::string read_start_of(const fs::path& path, std::size_t bytes_max) {
  const auto file = open_file(path);
  if (!file) return {};
  std::string bytes(bytes_max, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  return bytes;
}

std::string check_zookeeper_auth_file(const fs::path& path) {
  if (auto mistake = check_secret_file(path); !mistake.empty()) return mistake;
  if (shard_router::read_zk_identity(path)) return {};
  return fmt::format("'{}' does not hold one line user:password", path.string());
}

}  // namespace presenter::gateway
