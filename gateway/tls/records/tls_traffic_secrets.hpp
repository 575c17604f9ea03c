// The two application traffic secrets of a TLS 1.3 handshake, picked out of the lines that OpenSSL
// gives its key log callback while the handshake runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/tls/records/tls_key_schedule.hpp"

namespace presenter::gateway {

// Life: from the handshake's begin until its records are detached. Wiped when it dies.
class tls_traffic_secrets {
 public:
  tls_traffic_secrets() = default;
  ~tls_traffic_secrets() { wipe(); }
  tls_traffic_secrets(const tls_traffic_secrets&) = delete;
  tls_traffic_secrets& operator=(const tls_traffic_secrets&) = delete;

  // A line as SSL_CTX_set_keylog_callback has it: label, client random, secret, in NSS's format.
  // Lines with other labels, and broken ones, are ignored.
  void add_line(std::string_view line);

  // Both are there, each as long as the suite's hash.
  bool is_complete(tls_suite suite) const;

  // Empty until their line has come. Valid until the next non-const call.
  std::span<const std::byte> client() const { return client_.bytes(); }
  std::span<const std::byte> server() const { return server_.bytes(); }

  void wipe();

 private:
  struct secret {
    std::array<std::byte, tls_secret_bytes_max> storage{};
    std::uint8_t size = 0;
    std::span<const std::byte> bytes() const { return std::span(storage).first(size); }
    void set(std::string_view hex);
  };

  secret client_;
  secret server_;
};

}  // namespace presenter::gateway
