// An OCSP response that is stapled to a certificate, read from a DER file.
// Whoever writes the file has it from the certificate's authority; its signature is the clients'
// business, as it is at other servers.
#pragma once

#include <openssl/x509.h>

#include <ctime>
#include <string>
#include <string_view>

namespace presenter::gateway {

struct ocsp_response {
  std::string der;
  std::time_t this_update = 0;
  std::time_t next_update = 0;  // 0: it never ages

  bool is_aged(std::time_t now) const { return next_update != 0 && now >= next_update; }
  // Clients refuse any other.
  bool is_current(std::time_t now) const { return now >= this_update && !is_aged(now); }
};

// Fills `out` from `der`. What is wrong in words, empty if nothing: it is not an OCSP response, not
// about this certificate, or says that the certificate is not good.
std::string read_ocsp_response(std::string_view der, const X509* leaf, ocsp_response& out);

}  // namespace presenter::gateway
