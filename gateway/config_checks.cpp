#include "gateway/config_checks.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

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
using x509_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;

std::string cannot_read(const fs::path& path, int error) {
  return fmt::format("cannot read '{}': {}", path.string(), std::generic_category().message(error));
}

// Takes the oldest error of OpenSSL's queue, the cause, and empties the queue.
std::string openssl_reason() {
  const auto code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "not understood" : reason;
  ERR_clear_error();
  return text;
}

// Never asks at a terminal: a gateway that starts by itself has nobody to answer.
int no_password(char*, int, int, void*) {
  return 0;
}

file_ptr open_file(const fs::path& path) {
  return file_ptr{std::fopen(path.c_str(), "re")};
}

x509_ptr read_certificate(std::FILE* file) {
  return x509_ptr{PEM_read_X509(file, nullptr, &no_password, nullptr)};
}

key_ptr read_key(std::FILE* file) {
  return key_ptr{PEM_read_PrivateKey(file, nullptr, &no_password, nullptr)};
}

bool is_end_of_pem() {
  const auto code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, ec] = std::from_chars(text.data(), end, port);
  if (ec != std::errc{} || rest != end) return std::nullopt;
  return port;
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
  const auto port = parse_port(text.substr(colon + 1));
  if (ec || !port || address.is_v6() != has_brackets) return std::nullopt;
  return tcp_endpoint{address, *port};
}

std::string check_zookeeper(std::string_view text) {
  if (shard_router::parse_zk_address(text)) return {};
  return fmt::format("'{}' is not host:port,host:port/chroot", text);
}

std::string check_readable(const fs::path& path) {
  std::error_code ec;
  const auto status = fs::status(path, ec);
  if (ec) return cannot_read(path, ec.value());
  if (fs::is_directory(status)) return cannot_read(path, EISDIR);
  if (!open_file(path)) return cannot_read(path, errno);
  return {};
}

std::string check_writable_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code ignored;
  const bool is_folder = fs::is_directory(folder, ignored);
  if (is_folder && ::access(folder.c_str(), W_OK | X_OK) == 0 && !fs::is_directory(path, ignored))
    return {};
  return fmt::format("'{}' cannot be written", path.string());
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

std::string check_ticket_key_file(const fs::path& path) {
  if (auto mistake = check_secret_file(path); !mistake.empty()) return mistake;
  std::string bytes = read_start_of(path, ticket_keys::file_bytes_max + 1);
  const auto keys = ticket_keys::from_file(bytes);
  wipe(bytes);
  if (keys) return {};
  return fmt::format("'{}': {}", path.string(), keys.error().message());
}

std::string check_zookeeper_auth_file(const fs::path& path) {
  if (auto mistake = check_secret_file(path); !mistake.empty()) return mistake;
  if (shard_router::read_zk_identity(path)) return {};
  return fmt::format("'{}' does not hold one line user:password", path.string());
}

std::string check_certificate(const fs::path& path) {
  if (auto mistake = check_readable(path); !mistake.empty()) return mistake;
  const auto file = open_file(path);
  if (!file) return cannot_read(path, errno);
  ERR_clear_error();
  std::size_t found = 0;
  while (read_certificate(file.get()))
    ++found;
  if (is_end_of_pem()) {
    ERR_clear_error();
    return found > 0 ? std::string{} : fmt::format("'{}' holds no PEM certificate", path.string());
  }
  return fmt::format("'{}': certificate {} cannot be parsed: {}", path.string(), found + 1,
                     openssl_reason());
}

std::string check_private_key(const fs::path& path) {
  if (auto mistake = check_readable(path); !mistake.empty()) return mistake;
  const auto file = open_file(path);
  if (!file) return cannot_read(path, errno);
  ERR_clear_error();
  if (read_key(file.get())) return {};
  return fmt::format("'{}' holds no PEM private key that can be read without a password: {}",
                     path.string(), openssl_reason());
}

std::string check_key_matches(const fs::path& certificate, const fs::path& private_key) {
  const auto certificate_file = open_file(certificate);
  const auto key_file = open_file(private_key);
  if (!certificate_file || !key_file) return cannot_read(private_key, errno);
  const auto leaf = read_certificate(certificate_file.get());
  const auto key = read_key(key_file.get());
  const bool matches = leaf && key && X509_check_private_key(leaf.get(), key.get()) == 1;
  ERR_clear_error();
  if (matches) return {};
  return fmt::format("'{}' is not the key of the first certificate in '{}'", private_key.string(),
                     certificate.string());
}

}  // namespace presenter::gateway
