// OpenSSL's question whether a client's early data may be taken, answered for one worker.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>

#include "gateway/operate/metrics.hpp"
#include "gateway/tls/tickets/early_data_register.hpp"

namespace presenter::gateway {

// Life: longer than the contexts it is attached to, and their clients; the register and the metrics
// outlive it. Confined to: the worker's thread. See: SSL_CTX_set_allow_early_data_cb(3).
class early_data_guard {
 public:
  early_data_guard(early_data_register& taken, worker_metrics& metrics)
      : taken_(taken), metrics_(metrics) {}
  early_data_guard(const early_data_guard&) = delete;
  early_data_guard& operator=(const early_data_guard&) = delete;

  // From now on the context's tickets allow early data of so many bytes, and this guard decides on
  // it. Throws std::runtime_error.
  void attach(SSL_CTX* context, std::uint32_t bytes_max);

  // This client's early data was refused by a guard, and counted.
  static bool has_refused(const SSL* ssl);

 private:
  static int on_early_data(SSL* ssl, void* self);
  early_data_verdict judge(SSL* ssl) const;

  early_data_register& taken_;
  worker_metrics& metrics_;
};

}  // namespace presenter::gateway
