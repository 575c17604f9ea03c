#include "gateway/tls/certificates/tls_names.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <optional>
#include <string_view>
#include <utility>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {
namespace {

bool has_suite(const SSL_CTX* context, const std::string& name) {
  const auto* const suites = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    const SSL_CIPHER* const suite = sk_SSL_CIPHER_value(suites, i);
    if (name != SSL_CIPHER_get_name(suite)) continue;
    return SSL_CIPHER_get_cipher_nid(suite) != NID_undef &&
           SSL_CIPHER_get_auth_nid(suite) != NID_auth_null;
  }
  return false;
}

std::string mistake_of_suite_12(const std::string& name) {
  const ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  const bool is_set = context && SSL_CTX_set_ciphersuites(context.get(), "") == 1 &&
                      SSL_CTX_set_cipher_list(context.get(), name.c_str()) == 1;
  ERR_clear_error();
  if (is_set && has_suite(context.get(), name)) return {};
  return fmt::format("'{}' is no suite of TLS 1.2 that OpenSSL has", name);
}

std::string mistake_of_suite_13(const std::string& name) {
  const ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  const bool is_set = context && SSL_CTX_set_ciphersuites(context.get(), name.c_str()) == 1;
  ERR_clear_error();
  if (is_set && has_suite(context.get(), name)) return {};
  return fmt::format("'{}' is no suite of TLS 1.3 that OpenSSL has", name);
}

std::optional<std::string> curve_named_twice(const std::vector<std::string>& names) {
  const ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  for (std::size_t i = 0; context && i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::string both = names[j] + ":" + names[i];
      const bool is_taken = SSL_CTX_set1_groups_list(context.get(), both.c_str()) == 1;
      ERR_clear_error();
      if (names[j] == names[i] || !is_taken) return names[i];
    }
  }
  return std::nullopt;
}

std::string mistake_of_curve(const std::string& name) {
  const ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  const bool is_one = name.find(':') == name.npos;
  const bool is_set =
      is_one && context && SSL_CTX_set1_groups_list(context.get(), name.c_str()) == 1;
  ERR_clear_error();
  return is_set ? std::string{} : fmt::format("'{}' is no group that OpenSSL has", name);
}

}  // namespace

std::vector<tls_name_mistake> mistakes_in_tls_names(const tls_config& settings) {
  std::vector<tls_name_mistake> found;
  const auto look_at = [&](std::string_view key, const std::vector<std::string>& names,
                           std::string (*mistake_of)(const std::string&)) {
    for (const std::string& name : names)
      if (auto text = mistake_of(name); !text.empty())
        found.push_back({std::string{key}, std::move(text)});
  };
  look_at("suites_12", settings.suites_12, mistake_of_suite_12);
  look_at("suites_13", settings.suites_13, mistake_of_suite_13);
  const std::size_t before = found.size();
  look_at("curves", settings.curves, mistake_of_curve);
  if (found.size() > before) return found;
  if (const auto twice = curve_named_twice(settings.curves))
    found.push_back({"curves", fmt::format("'{}' is a group that is named before", *twice)});
  return found;
}

}  // namespace presenter::gateway
