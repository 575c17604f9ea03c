// Which handshakes are tried before a configuration is served: each certificate in each version of
// TLS, and clients with certificates of their own. Whatever fails is told with the key to blame.
#pragma once

#include <cstddef>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/tls/certificates/openssl_handles.hpp"
#include "gateway/tls/certificates/tls_files.hpp"

namespace presenter::gateway {

struct trial_finding {
  std::size_t pair = 0;  // of tls_files::pairs
  certificate_fault fault;
  bool is_mistake = false;  // nobody gets through, so that a start would be in vain
};

// `contexts`: those of the sets of `files`, as make_tls_setup makes them. A handshake costs less
// than a millisecond with ECDSA, two with RSA, and one that succeeds at once is one.
std::vector<trial_finding> run_tls_trials(const tls_config& settings, const tls_files& files,
                                          const std::vector<ssl_ctx_ptr>& contexts);

}  // namespace presenter::gateway
