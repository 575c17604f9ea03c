// OpenSSL's objects as owners, its errors and times as text.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
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

// Of a certificate's or an OCSP response's time. 0 if it is no time.
std::time_t unix_time_of(const ASN1_TIME* time);

// "2026-11-21 12:00 UTC".
std::string date_of(std::time_t time);

}  // namespace presenter::gateway
