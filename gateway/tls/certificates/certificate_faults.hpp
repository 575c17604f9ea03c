// What clients would have against a certificate, beyond what keeps a gateway from starting; and
// whether new files may take the place of those in force. Pure: no files, and the time is passed
// in.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "gateway/tls/certificates/tls_files.hpp"

namespace presenter::gateway {

// Its chain, its names, its staple; and what its trial handshakes have shown. All are warnings; a
// fatal one keeps a certificate from replacing another by a reload.
std::vector<certificate_fault> faults_of(const certificate_pair& pair, std::time_t now);

// Why `next` must not replace `now`, in words: clients that are served today would be refused.
// What is as bad in `now` holds nothing up. Nothing: it may.
std::optional<std::string> why_worse(const tls_files& now, const tls_files& next, std::time_t time);

// Server names that `next` lost, if it kept others of the same certificate.
std::vector<std::string> names_lost(const tls_files& now, const tls_files& next);

// Whether the certificate is good for a name, or for names of a wildcard.
bool is_made_out_for(X509* leaf, const std::string& pattern);

}  // namespace presenter::gateway
