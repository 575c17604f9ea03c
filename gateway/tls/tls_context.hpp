// The OpenSSL contexts of the listener: a whole set for each worker, so that workers share no
// locks, all of the same files. Whichever worker or certificate a client meets, it resumes: see
// ticket_sealer.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/tls/certificates/openssl_handles.hpp"
#include "gateway/tls/certificates/tls_files.hpp"
#include "gateway/tls/tickets/ticket_sealer.hpp"

namespace presenter::gateway {

// One context for each set of certificates; a client begins with the default one, and its server
// name may bring it to another.
// Life: made on any thread, posted to its worker; every client that OpenSSL serves holds it, so
// that new files touch nobody who is here. Confined to: that worker's thread from then on.
class tls_contexts {
 public:
  // `tickets` outlives this. Throws std::runtime_error with OpenSSL's reason.
  tls_contexts(const tls_config& settings, tls_files_ptr files, ticket_sealer& tickets);
  tls_contexts(const tls_contexts&) = delete;
  tls_contexts& operator=(const tls_contexts&) = delete;

  // Of new clients.
  SSL_CTX* front() const { return entries_.front().context.get(); }

 private:
  struct callbacks;
  struct entry {
    ssl_ctx_ptr context;
    std::vector<const certificate_pair*> pairs;  // of files_
  };

  void configure(SSL_CTX* context, const tls_config& settings, ticket_sealer& tickets);

  const tls_files_ptr files_;
  const bool is_strict_;
  std::string alpn_;  // as on the wire: each name behind its length
  std::vector<entry> entries_;
};
using tls_contexts_ptr = std::shared_ptr<const tls_contexts>;

// From the files as they are now. Throws std::runtime_error that names the file and the reason.
tls_contexts_ptr make_tls_contexts(const tls_config& settings, ticket_sealer& tickets);

}  // namespace presenter::gateway
