// A certificate and its chain as a client verifies them: who signed whom, dates, usages. Which
// roots clients have is not known here: the highest certificate of the file stands for them. Pure:
// no files, and the time is passed in.
#pragma once

#include <openssl/x509.h>

#include <ctime>
#include <string>
#include <vector>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {

struct chain_fault {
  std::string text;       // goes behind the file's name: "has expired on …"
  bool is_fatal = false;  // a client refuses it, whatever roots it has
};

struct chain_verdict {
  std::vector<chain_fault> faults;
  // The earliest end of all certificates on the way from the leaf to the top.
  std::time_t expires = 0;
  // The leaf did not sign itself, and who did is not in the file.
  bool is_issuer_missing = false;
  // Who signed the leaf is in the file, and is no root.
  bool has_intermediate = false;
};

// `chain`: whatever stands behind the leaf in its file, in any order.
chain_verdict verify_chain(X509* leaf, const std::vector<x509_ptr>& chain, std::time_t now);

}  // namespace presenter::gateway
