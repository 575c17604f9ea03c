// What the files of [tls] hold: certificates with their keys, OCSP responses and server names, the
// authorities of clients. Read and checked as a whole; which client gets which certificate is
// decided here, how that is told to OpenSSL in tls_setup.
#pragma once

#include <cstddef>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/tls/certificates/ocsp_response.hpp"
#include "gateway/tls/certificates/openssl_handles.hpp"
#include "gateway/tls/certificates/server_names.hpp"

namespace presenter::gateway {

// What clients would have against a certificate.
struct certificate_fault {
  std::string key;  // to blame: "certificate"
  std::string text;
  bool is_fatal = false;  // clients refuse it, all of them or all of one version of TLS
};

struct certificate_pair {
  std::string file;  // the certificate's, for logs and metrics
  x509_ptr leaf;
  std::vector<x509_ptr> chain;
  key_ptr key;
  int key_type = 0;                // EVP_PKEY_EC, EVP_PKEY_RSA …
  std::vector<std::string> names;  // patterns of server_names.hpp
  std::time_t expires = 0;         // the earliest of the chain
  std::optional<ocsp_response> ocsp;
  std::vector<certificate_fault> trial_faults;  // found by tls_trials
};

// Life: immutable, shared by all workers. Its objects are OpenSSL's, with locks and counts: each
// worker makes copies.
struct tls_files {
  std::vector<certificate_pair> pairs;  // [tls]'s own, then [[tls.certificates]]'s
  // Pairs of different key types that stand side by side. The first set is the default.
  std::vector<std::vector<std::size_t>> sets;
  server_name_index names;                   // → sets
  std::vector<x509_ptr> client_authorities;  // empty: clients are not asked
};
using tls_files_ptr = std::shared_ptr<const tls_files>;

struct tls_mistake {
  std::size_t pair = 0;  // 0: of [tls] itself; else the number of its table, from 1
  std::string key;       // "certificate"
  std::string text;
};

struct tls_load {
  tls_files_ptr files;  // null if there is a mistake or a path is empty
  std::vector<tls_mistake> mistakes;
  std::vector<tls_mistake> warnings;
};

// Reads and checks everything, to the last step that a start would take. Paths that are empty are
// passed over: somebody else has complained.
tls_load load_tls_files(const tls_config& settings, std::time_t now);

// The files that load_tls_files reads.
std::vector<std::filesystem::path> tls_paths_of(const tls_config& settings);

}  // namespace presenter::gateway
