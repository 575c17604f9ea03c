#include "gateway/tls/tickets/ticket_sealer.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace presenter::gateway {
namespace {

// Answers of the key callback.
constexpr int failed = -1;
constexpr int unknown_key = 0;
constexpr int no_ticket = 0;
constexpr int use = 1;
constexpr int use_and_renew = 2;

constexpr std::size_t iv_bytes = 16;  // of AES-CBC

// Of the context: its sealer. Of a client: not null if its ticket is from elsewhere.
int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int sealer_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool start_mac(EVP_MAC_CTX* mac, const ticket_key& key) {
  // OpenSSL takes parameters as not const; it only reads them.
  auto* bytes = const_cast<std::uint8_t*>(key.mac_key.data());
  std::array<char, 7> digest{"SHA256"};
  const std::array parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes, key.mac_key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

// OpenSSL's, on the worker's thread, in the middle of a handshake.
struct ticket_sealer::callbacks {
  static int on_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int is_sealing) {
    void* const data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index());
    if (data == nullptr) return failed;
    auto& self = *static_cast<ticket_sealer*>(data);
    // TLS 1.3 does not come to this. In TLS 1.2 the ticket has been announced, and comes empty:
    // RFC 5077 §3.3.
    if (is_sealing == 1 && SSL_get_num_tickets(ssl) == 0) return no_ticket;
    if (is_sealing == 1) return self.seal(name, iv, cipher, mac);
    return self.open(ssl, name, iv, cipher, mac);
  }

  // Before a ticket is sealed: what is to be in it.
  static int on_issue(SSL* ssl, void* data) {
    const auto& issuer = static_cast<ticket_sealer*>(data)->issuer_;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), issuer.data(), issuer.size());
  }

  // Who a client is was found out when the session began; that certificate must still be valid.
  static bool is_current(const SSL_SESSION* session) {
    const X509* const client = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
    return client == nullptr || X509_cmp_current_time(X509_get0_notAfter(client)) > 0;
  }

  // Whatever the key callback said stays as it is.
  static SSL_TICKET_RETURN on_opened(SSL* ssl, SSL_SESSION* session, const unsigned char*,
                                     std::size_t, SSL_TICKET_STATUS status, void* data) {
    const bool is_opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    if (is_opened && !is_current(session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
    switch (status) {
      case SSL_TICKET_SUCCESS:
        static_cast<ticket_sealer*>(data)->note_issuer(ssl, session);
        return SSL_TICKET_RETURN_USE;
      case SSL_TICKET_SUCCESS_RENEW:
        static_cast<ticket_sealer*>(data)->note_issuer(ssl, session);
        return SSL_TICKET_RETURN_USE_RENEW;
      case SSL_TICKET_EMPTY:
      case SSL_TICKET_NO_DECRYPT:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
      default:
        return SSL_TICKET_RETURN_ABORT;
    }
  }
};

ticket_sealer::ticket_sealer(ticket_ring_ptr ring, std::string_view issuer, worker_metrics& metrics,
                             clock now)
    : now_(std::move(now)),
      metrics_(metrics),
      // Fetched once: looking it up takes OpenSSL's locks, for each ticket.
      cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)),
      ring_(std::move(ring)) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  const int hashed =
      EVP_Digest(issuer.data(), issuer.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  if (!cipher_ || hashed != 1) throw std::runtime_error("no AES-256-CBC or SHA-256 for tickets");
  std::copy_n(digest.begin(), issuer_.size(), issuer_.begin());
}

void ticket_sealer::attach(SSL_CTX* context) {
  const bool is_set = SSL_CTX_set_ex_data(context, context_index(), this) == 1 &&
                      SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &callbacks::on_key) == 1 &&
                      SSL_CTX_set_session_ticket_cb(context, &callbacks::on_issue,
                                                    &callbacks::on_opened, this) == 1;
  if (!is_set) throw std::runtime_error("ticket callbacks");
}

bool ticket_sealer::is_from_elsewhere(const SSL* ssl) {
  return SSL_get_ex_data(ssl, sealer_index()) != nullptr;
}

int ticket_sealer::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac) {
  const ticket_key& key = *ring_->sealing(now_()).key;
  std::ranges::copy(key.name, name);
  const bool is_ready =
      RAND_bytes(iv, iv_bytes) == 1 &&
      EVP_EncryptInit_ex2(cipher, cipher_.get(), key.cipher_key.data(), iv, nullptr) == 1 &&
      start_mac(mac, key);
  if (!is_ready) return failed;
  metrics_.tickets[ticket_event::issued].add();
  return use;
}

int ticket_sealer::open(const SSL* ssl, const unsigned char* name, const unsigned char* iv,
                        EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const ticket_time now = now_();
  const ticket_key* key = ring_->find(ticket_key::name_view(name, ticket_key::name_bytes), now);
  if (key == nullptr) {
    metrics_.tickets[ticket_event::unknown_key].add();
    return unknown_key;
  }
  const bool is_ready =
      start_mac(mac, *key) &&
      EVP_DecryptInit_ex2(cipher, cipher_.get(), key->cipher_key.data(), iv, nullptr) == 1;
  if (!is_ready) return failed;
  const bool is_current = key == ring_->sealing(now).key;
  metrics_.tickets[is_current ? ticket_event::current_key : ticket_event::old_key].add();
  // RFC 8446 appendix C.4: clients use a ticket of TLS 1.3 once, so each resumption needs one more.
  const bool is_used_up = SSL_version(ssl) >= TLS1_3_VERSION;
  return is_current && !is_used_up ? use : use_and_renew;
}

// On failure it goes uncounted.
void ticket_sealer::note_issuer(SSL* ssl, SSL_SESSION* session) const {
  void* data = nullptr;
  std::size_t size = 0;
  if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1) return;
  const bool is_ours = size == issuer_.size() && std::memcmp(data, issuer_.data(), size) == 0;
  // OpenSSL allocates for it, so not for nothing.
  if (is_ours == is_from_elsewhere(ssl))
    SSL_set_ex_data(ssl, sealer_index(), is_ours ? nullptr : const_cast<ticket_sealer*>(this));
}

}  // namespace presenter::gateway
