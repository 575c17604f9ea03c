#include "gateway/tls/certificates/tls_setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "gateway/tls/certificates/client_subject.hpp"

namespace presenter::gateway {
namespace {

// A client's chain, far above what authorities hand out, and below what would hurt while a crowd
// shakes hands. OpenSSL's own is 100 KiB.
constexpr long client_chain_bytes_max = 32 * 1'024;
constexpr int client_chain_length_max = 8;

void require(long ok, std::string_view what) {
  if (ok == 1) return;
  const std::string reason = take_openssl_error();
  throw std::runtime_error(
      fmt::format("{}: {}", what, reason.empty() ? "refused by OpenSSL without a reason" : reason));
}

struct chain_deleter {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};

void add_pair(SSL_CTX* context, const certificate_pair& pair) {
  const x509_ptr leaf(X509_dup(pair.leaf.get()));
  const key_ptr key(EVP_PKEY_dup(pair.key.get()));
  const std::unique_ptr<STACK_OF(X509), chain_deleter> chain(sk_X509_new_null());
  require(leaf && key && chain ? 1 : 0, pair.file);
  for (const x509_ptr& one : pair.chain) {
    x509_ptr copy(X509_dup(one.get()));
    require(copy && sk_X509_push(chain.get(), copy.get()) > 0 ? 1 : 0, pair.file);
    static_cast<void>(copy.release());
  }
  require(SSL_CTX_use_cert_and_key(context, leaf.get(), key.get(), chain.get(), 1), pair.file);
}

// A ticket carries the client's certificate. With a larger one the next ClientHello, which comes
// twice if its key share does not suit, would be above openssl_session::hello_bytes_max.
constexpr int ticket_certificate_bytes_max = 4 * 1'024;

// OpenSSL takes the groups of the key exchange for those of clients' signatures too, in TLS 1.2.
// The key exchange is over by now.
bool take_signatures(SSL* ssl) {
  return SSL_version(ssl) != TLS1_2_VERSION ||
         SSL_set1_groups_list(ssl, "X25519:P-256:P-384:P-521") == 1;
}

// A subject that Open cannot carry would make one client look like another.
int on_client_certificate(int ok, X509_STORE_CTX* verifying) {
  if (ok != 1 || X509_STORE_CTX_get_error_depth(verifying) != 0) return ok;
  X509* const certificate = X509_STORE_CTX_get_current_cert(verifying);
  auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verifying, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (i2d_X509(certificate, nullptr) > ticket_certificate_bytes_max) SSL_set_num_tickets(ssl, 0);
  if (take_signatures(ssl) && client_subject(certificate)) return 1;
  X509_STORE_CTX_set_error(verifying, X509_V_ERR_CERT_REJECTED);
  return 0;
}

void ask_for_certificates(SSL_CTX* context, const tls_config& settings, const tls_files& files) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const x509_ptr& authority : files.client_authorities) {
    const x509_ptr copy(X509_dup(authority.get()));
    require(copy && X509_STORE_add_cert(store, copy.get()) == 1 ? 1 : 0, "client_ca");
    require(SSL_CTX_add_client_CA(context, copy.get()), "client_ca");
  }
  // An issuing authority is trusted without the root above it.
  require(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN), "client_ca");
  const bool is_required = settings.client_certificate == client_certificates::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     &on_client_certificate);
  SSL_CTX_set_verify_depth(context, client_chain_length_max);
  SSL_CTX_set_max_cert_list(context, client_chain_bytes_max);
}

// Equal in all contexts of the fleet, or a ticket of one is refused by another. A session that was
// made under other rules for clients' certificates, or with other authorities, is not resumed.
std::string session_context(const tls_config& settings, const tls_files& files) {
  if (settings.client_certificate == client_certificates::none) return "presenter";
  std::vector<std::string> prints;
  for (const x509_ptr& authority : files.client_authorities) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> print{};
    unsigned int size = 0;
    require(X509_digest(authority.get(), EVP_sha256(), print.data(), &size), "client_ca");
    prints.emplace_back(reinterpret_cast<const char*>(print.data()), size);
  }
  std::ranges::sort(prints);
  const auto mode = static_cast<int>(settings.client_certificate);
  const std::string all = fmt::format("presenter {} {}", mode, fmt::join(prints, ""));
  static_assert(SSL_MAX_SID_CTX_LENGTH == 32);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  require(EVP_Digest(all.data(), all.size(), hash.data(), nullptr, EVP_sha256(), nullptr),
          "client_ca");
  return {reinterpret_cast<const char*>(hash.data()), SSL_MAX_SID_CTX_LENGTH};
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ":"));
}

}  // namespace

ssl_ctx_ptr make_tls_setup(const tls_config& settings, const tls_files& files,
                           const std::vector<std::size_t>& set) {
  ERR_clear_error();
  ssl_ctx_ptr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = made.get();
  require(context != nullptr ? 1 : 0, "cannot create a TLS context");
  const int lowest = settings.requires_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  require(SSL_CTX_set_min_proto_version(context, lowest), "TLS version");
  require(SSL_CTX_set_cipher_list(context, joined(settings.suites_12).c_str()), "TLS 1.2 suites");
  require(SSL_CTX_set_ciphersuites(context, joined(settings.suites_13).c_str()), "TLS 1.3 suites");
  require(SSL_CTX_set1_groups_list(context, joined(settings.curves).c_str()), "TLS groups");
  // Of use only with suites of finite-field DH, which are not among the default ones.
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  const std::string session = session_context(settings, files);
  require(SSL_CTX_set_session_id_context(context,
                                         reinterpret_cast<const unsigned char*>(session.data()),
                                         static_cast<unsigned int>(session.size())),
          "TLS session id context");
  for (const std::size_t number : set)
    add_pair(context, files.pairs[number]);
  if (settings.client_certificate != client_certificates::none)
    ask_for_certificates(context, settings, files);
  return made;
}

}  // namespace presenter::gateway
