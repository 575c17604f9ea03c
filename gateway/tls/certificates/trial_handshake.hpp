// A TLS handshake in memory between one of the listener's contexts and a client that we play: what
// OpenSSL, at a start, does not find wrong with a context and clients would. No sockets.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {

// How demanding a client is.
enum class trial_strictness : std::uint8_t {
  today,    // takes what browsers, phones, Java and Go all take
  openssl,  // takes what OpenSSL takes by itself
  lenient,  // and besides offers the groups that are configured
};

struct trial_client {
  int version = TLS1_3_VERSION;  // or TLS1_2_VERSION, and no other
  trial_strictness strictness = trial_strictness::today;
  // Verifies certificates of this type only (EVP_PKEY_EC …), so that it is shown that one.
  int key_type = EVP_PKEY_NONE;
  // A certificate of this curve is shown ("P-256"), made for the occasion and taken whoever signed
  // it; empty: none is shown.
  std::string curve;
};

// What went wrong, in OpenSSL's words; empty: nothing. `groups`: those that are configured.
std::string try_handshake(SSL_CTX* context, const trial_client& client, const std::string& groups);

}  // namespace presenter::gateway
