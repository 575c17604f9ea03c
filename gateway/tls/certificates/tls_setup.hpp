// An OpenSSL context as the configuration wants it: versions, suites, certificates, authorities.
// What depends on the gateway at work, tickets and callbacks, is added by tls_context.
#pragma once

#include <cstddef>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/tls/certificates/openssl_handles.hpp"
#include "gateway/tls/certificates/tls_files.hpp"

namespace presenter::gateway {

// With the pairs of one set of `files`. Throws std::runtime_error that names OpenSSL's reason.
ssl_ctx_ptr make_tls_setup(const tls_config& settings, const tls_files& files,
                           const std::vector<std::size_t>& set);

}  // namespace presenter::gateway
