#include "gateway/tls/certificates/tls_pem.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <string_view>

#include "gateway/config/config_checks.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

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

bio_ptr reader_of(std::string_view bytes) {
  return bio_ptr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

bool is_end_of_pem() {
  const auto code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

}  // namespace

std::string read_tls_file(const fs::path& path, std::string& bytes) {
  return read_whole(path, tls_file_bytes_max, bytes);
}

std::string read_certificates(const fs::path& path, std::vector<x509_ptr>& out) {
  std::string bytes;
  if (auto mistake = read_tls_file(path, bytes); !mistake.empty()) return mistake;
  ERR_clear_error();
  const bio_ptr reader = reader_of(bytes);
  while (x509_ptr next{PEM_read_bio_X509(reader.get(), nullptr, &no_password, nullptr)})
    out.push_back(std::move(next));
  if (is_end_of_pem()) {
    ERR_clear_error();
    return out.empty() ? fmt::format("'{}' holds no PEM certificate", path.string())
                       : std::string{};
  }
  return fmt::format("'{}': certificate {} cannot be parsed: {}", path.string(), out.size() + 1,
                     openssl_reason());
}

std::string read_private_key(const fs::path& path, key_ptr& out) {
  std::string bytes;
  if (auto mistake = read_tls_file(path, bytes); !mistake.empty()) return mistake;
  ERR_clear_error();
  const bio_ptr reader = reader_of(bytes);
  out.reset(PEM_read_bio_PrivateKey(reader.get(), nullptr, &no_password, nullptr));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (out) return {};
  return fmt::format("'{}' holds no PEM private key that can be read without a password: {}",
                     path.string(), openssl_reason());
}

}  // namespace presenter::gateway
