#include "gateway/tls/tls_context.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>

#include "gateway/tls/certificates/tls_setup.hpp"
#include "gateway/tls/openssl_session.hpp"

namespace presenter::gateway {

// OpenSSL's, on the worker's thread, in the middle of a handshake.
struct tls_contexts::callbacks {
  // Also called for a client that names nobody.
  static int on_server_name(SSL* ssl, int* alert, void* data) {
    const auto& self = *static_cast<const tls_contexts*>(data);
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const auto known = name == nullptr ? std::nullopt : self.files_->names.find(name);
    if (!known && self.is_strict_) {
      *alert = SSL_AD_UNRECOGNIZED_NAME;
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (known.value_or(0) != 0) SSL_set_SSL_CTX(ssl, self.entries_[*known].context.get());
    return SSL_TLSEXT_ERR_OK;
  }

  // The certificate is chosen; a client that asks for its status gets what we have.
  static int on_status_asked(SSL* ssl, void* data) {
    const auto& self = *static_cast<const entry*>(data);
    const EVP_PKEY* const key = X509_get0_pubkey(SSL_get_certificate(ssl));
    const auto type = key == nullptr ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key);
    const auto pair = std::ranges::find(self.pairs, type, &certificate_pair::key_type);
    if (pair == self.pairs.end() || !(*pair)->ocsp) return SSL_TLSEXT_ERR_NOACK;
    const ocsp_response& response = *(*pair)->ocsp;
    if (!response.is_current(std::time(nullptr))) return SSL_TLSEXT_ERR_NOACK;
    void* const copy = OPENSSL_memdup(response.der.data(), response.der.size());
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.der.size()));
    return SSL_TLSEXT_ERR_OK;
  }

  // By our preference. RFC 7301 §3.2: nothing in common ends the handshake.
  static int on_protocols(SSL*, const unsigned char** chosen, unsigned char* size,
                          const unsigned char* offered, unsigned int offered_size, void* data) {
    const std::string& ours = static_cast<const tls_contexts*>(data)->alpn_;
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned int>(ours.size()), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }
};

tls_contexts::tls_contexts(const tls_config& settings, tls_files_ptr files, ticket_sealer& tickets)
    : files_(std::move(files)), is_strict_(settings.strict_sni) {
  for (const std::string& name : settings.alpn) {
    alpn_ += static_cast<char>(name.size());
    alpn_ += name;
  }
  entries_.reserve(files_->sets.size());  // OpenSSL is given the entries' addresses
  for (const auto& set : files_->sets) {
    entry& made = entries_.emplace_back();
    made.context = make_tls_setup(settings, *files_, set);
    for (const std::size_t number : set)
      made.pairs.push_back(&files_->pairs[number]);
    configure(made.context.get(), settings, tickets);
    SSL_CTX_set_tlsext_status_cb(made.context.get(), &callbacks::on_status_asked);
    SSL_CTX_set_tlsext_status_arg(made.context.get(), &made);
  }
  SSL_CTX_set_tlsext_servername_callback(front(), &callbacks::on_server_name);
  SSL_CTX_set_tlsext_servername_arg(front(), this);
}

void tls_contexts::configure(SSL_CTX* context, const tls_config& settings, ticket_sealer& tickets) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Stateless tickets only, and one per handshake: the default two cost some 15 µs more.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, static_cast<long>(settings.tickets.ticket_lifetime().count()));
  tickets.attach(context);
  if (settings.detach_records) openssl_session::watch_handshakes(context);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, &callbacks::on_protocols, this);
}

tls_contexts_ptr make_tls_contexts(const tls_config& settings, ticket_sealer& tickets) {
  const tls_load loaded = load_tls_files(settings, std::time(nullptr));
  if (!loaded.files) throw std::runtime_error(loaded.mistakes.front().text);
  return std::make_shared<const tls_contexts>(settings, loaded.files, tickets);
}

}  // namespace presenter::gateway
