#include "gateway/tls/tickets/early_data_guard.hpp"

#include <array>
#include <stdexcept>

namespace presenter::gateway {
namespace {

constexpr std::size_t random_bytes = 32;  // RFC 8446 §4.1.2

// OpenSSL 3.0 has only the one, and 3.4 warns of it.
std::chrono::seconds issued_at(const SSL_SESSION* session) {
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  return std::chrono::seconds(SSL_SESSION_get_time_ex(session));
#else
  return std::chrono::seconds(SSL_SESSION_get_time(session));
#endif
}

// Of a client: not null if its early data was refused.
int guard_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

void early_data_guard::attach(SSL_CTX* context, std::uint32_t bytes_max) {
  // OpenSSL's own defence needs a cache of sessions, which stateless tickets do without.
  SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
  SSL_CTX_set_allow_early_data_cb(context, &early_data_guard::on_early_data, this);
  if (SSL_CTX_set_max_early_data(context, bytes_max) != 1 ||
      SSL_CTX_set_recv_max_early_data(context, bytes_max) != 1) {
    throw std::runtime_error("TLS early data");
  }
}

bool early_data_guard::has_refused(const SSL* ssl) {
  return SSL_get_ex_data(ssl, guard_index()) != nullptr;
}

// Asked once the client has proved that the ticket is its own, and if nothing else speaks against
// its early data: the ticket's age, name and protocol fit.
int early_data_guard::on_early_data(SSL* ssl, void* self) {
  auto& guard = *static_cast<early_data_guard*>(self);
  const early_data_verdict verdict = guard.judge(ssl);
  if (verdict == early_data_verdict::fresh) return 1;
  const bool is_replayed = verdict == early_data_verdict::replayed;
  guard.metrics_
      .early_data[is_replayed ? early_data_result::replayed : early_data_result::unrecorded]
      .add();
  SSL_set_ex_data(ssl, guard_index(), self);
  return 0;
}

early_data_verdict early_data_guard::judge(SSL* ssl) const {
  std::array<unsigned char, random_bytes> random{};
  const SSL_SESSION* session = SSL_get_session(ssl);
  if (session == nullptr ||
      SSL_get_client_random(ssl, random.data(), random.size()) != random_bytes)
    return early_data_verdict::unrecorded;
  const early_data_register::time issued{issued_at(session)};
  // The last of them: some clients put the time in front.
  return taken_.take(std::span(random).last<early_data_register::mark_bytes>(), issued);
}

}  // namespace presenter::gateway
