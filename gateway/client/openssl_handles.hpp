// OpenSSL's objects as owners, and its errors as text.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace presenter::gateway {

struct openssl_deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, openssl_deleter>;
using x509_ptr = std::unique_ptr<X509, openssl_deleter>;
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_deleter>;
using bio_ptr = std::unique_ptr<BIO, openssl_deleter>;

// OpenSSL's own words for the newest error of this thread, and forgets them all. Empty if there is
// none.
std::string take_openssl_error();

}  // namespace presenter::gateway
