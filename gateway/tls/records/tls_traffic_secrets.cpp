#include "gateway/tls/records/tls_traffic_secrets.hpp"

#include <openssl/crypto.h>

namespace presenter::gateway {
namespace {

int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

void tls_traffic_secrets::secret::set(std::string_view hex) {
  size = 0;
  if (hex.size() % 2 != 0 || hex.size() / 2 > storage.size()) return;
  for (std::size_t i = 0; i != hex.size() / 2; ++i) {
    const int high = value_of(hex[2 * i]);
    const int low = value_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) return;
    storage[i] = static_cast<std::byte>(high << 4 | low);
  }
  size = static_cast<std::uint8_t>(hex.size() / 2);
}

void tls_traffic_secrets::add_line(std::string_view line) {
  const std::size_t label_end = line.find(' ');
  const std::size_t secret_begin = line.rfind(' ') + 1;
  if (label_end == line.npos || secret_begin <= label_end + 1) return;
  const std::string_view label = line.substr(0, label_end);
  const std::string_view hex = line.substr(secret_begin);
  if (label == "CLIENT_TRAFFIC_SECRET_0") client_.set(hex);
  if (label == "SERVER_TRAFFIC_SECRET_0") server_.set(hex);
}

bool tls_traffic_secrets::is_complete(tls_suite suite) const {
  return client_.size == hash_bytes(suite) && server_.size == hash_bytes(suite);
}

void tls_traffic_secrets::wipe() {
  OPENSSL_cleanse(&client_, sizeof client_);
  OPENSSL_cleanse(&server_, sizeof server_);
}

}  // namespace presenter::gateway
