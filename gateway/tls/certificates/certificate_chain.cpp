#include "gateway/tls/certificates/certificate_chain.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <new>

namespace presenter::gateway {
namespace {

// Enough of a name for a line of the log; the rest can be read in the file.
constexpr std::size_t name_bytes_shown = 200;

struct store_deleter {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

// The certificates stay somebody else's.
struct stack_deleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

bool is_self_signed(X509* certificate) {
  const bool is_so = X509_self_signed(certificate, 1) == 1;
  ERR_clear_error();
  return is_so;
}

bool has_signed(X509* issuer, X509* subject) {
  EVP_PKEY* const key = X509_get0_pubkey(issuer);
  const bool has = key != nullptr && X509_verify(subject, key) == 1;
  ERR_clear_error();
  return has;
}

std::string text_of(const X509_NAME* name) {
  const bio_ptr out(BIO_new(BIO_s_mem()));
  // XN_FLAG_RFC2253 escapes control characters and everything above ASCII.
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, std::min(static_cast<std::size_t>(size), name_bytes_shown));
}

std::string subject_of(const X509* certificate) {
  return text_of(X509_get_subject_name(certificate));
}

// From the leaf upwards, as far as the file goes.
struct path {
  std::vector<X509*> certificates;
  X509* impostor = nullptr;  // has the name of the next one, but has not signed
};

// The certificate that has signed `subject`. One that only has the issuer's name is the impostor,
// if no other has that name and has signed.
X509* find_issuer(X509* subject, const std::vector<x509_ptr>& chain, path& found) {
  for (const x509_ptr& one : chain) {
    const bool is_used =
        std::ranges::find(found.certificates, one.get()) != found.certificates.end();
    if (is_used ||
        X509_NAME_cmp(X509_get_subject_name(one.get()), X509_get_issuer_name(subject)) != 0) {
      continue;
    }
    if (has_signed(one.get(), subject)) return one.get();
    // The leaf once more is no issuer.
    if (X509_cmp(one.get(), subject) != 0) found.impostor = one.get();
  }
  return nullptr;
}

path build_path(X509* leaf, const std::vector<x509_ptr>& chain) {
  path found{{leaf}};
  while (!is_self_signed(found.certificates.back())) {
    X509* const issuer = find_issuer(found.certificates.back(), chain, found);
    if (issuer == nullptr) return found;
    found.certificates.push_back(issuer);
    found.impostor = nullptr;
  }
  return found;
}

// --- what OpenSSL says of the path

struct verify_error {
  int code;
  int depth;  // 0: the leaf
};

int note_error(int ok, X509_STORE_CTX* verifying) {
  if (ok == 1) return 1;
  auto& noted = *static_cast<std::vector<verify_error>*>(X509_STORE_CTX_get_app_data(verifying));
  const verify_error error{X509_STORE_CTX_get_error(verifying),
                           X509_STORE_CTX_get_error_depth(verifying)};
  noted.push_back(error);
  return 1;  // and goes on, to find the others
}

// As clients do, with the top of the path for a root.
std::vector<verify_error> errors_in(const std::vector<X509*>& certificates, std::time_t now) {
  std::vector<verify_error> errors;
  const std::unique_ptr<X509_STORE, store_deleter> roots(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, store_deleter> verifying(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), stack_deleter> others(sk_X509_new_null());
  if (!roots || !verifying || !others) throw std::bad_alloc();
  for (X509* const one : certificates)
    if (sk_X509_push(others.get(), one) <= 0) throw std::bad_alloc();
  if (X509_STORE_add_cert(roots.get(), certificates.back()) != 1 ||
      X509_STORE_CTX_init(verifying.get(), roots.get(), certificates.front(), others.get()) != 1 ||
      X509_STORE_CTX_set_default(verifying.get(), "ssl_server") != 1) {
    throw std::bad_alloc();
  }
  X509_STORE_CTX_set_flags(verifying.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(verifying.get(), 0, now);
  X509_STORE_CTX_set_app_data(verifying.get(), &errors);
  X509_STORE_CTX_set_verify_cb(verifying.get(), &note_error);
  X509_verify_cert(verifying.get());
  ERR_clear_error();
  return errors;
}

// --- faults

// Absent usages are all usages.
bool has_key_usage(X509* leaf, std::uint32_t usage) {
  return (X509_get_key_usage(leaf) & usage) != 0;
}

bool has_extended_usage(X509* leaf, std::uint32_t usage) {
  return (X509_get_extended_key_usage(leaf) & usage) != 0;
}

// Today's clients ask for this bit, for a signature is all that a certificate's key is used for.
void check_key_usage(X509* leaf, std::vector<chain_fault>& faults) {
  if (has_key_usage(leaf, KU_DIGITAL_SIGNATURE)) return;
  faults.push_back(
      {"has a keyUsage without digitalSignature: it cannot sign for ECDHE and TLS 1.3", true});
}

// Nothing if it has been said already.
std::string purpose_fault(X509* leaf) {
  if (!has_extended_usage(leaf, XKU_SSL_SERVER))
    return "is not for servers: its extendedKeyUsage lacks serverAuth";
  return has_key_usage(leaf, KU_DIGITAL_SIGNATURE) ? "is not for TLS servers, by its usages" : "";
}

// Text and weight of one of OpenSSL's errors about `certificates`.
chain_fault fault_of(const verify_error& error, const std::vector<X509*>& certificates) {
  const auto depth = std::min(static_cast<std::size_t>(error.depth), certificates.size() - 1);
  X509* const about = certificates[depth];
  const std::string whose = depth == 0 ? "" : fmt::format("needs '{}', which ", subject_of(about));
  // Clients without the leaf's issuer have nobody else for it. Further up they may know a shorter
  // way, and a root's dates are their own business.
  const bool is_needed = depth == 0 || (depth == 1 && !is_self_signed(about));
  switch (error.code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {whose + "has expired on " + date_of(unix_time_of(X509_get0_notAfter(about))),
              is_needed};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {whose + "is not valid before " + date_of(unix_time_of(X509_get0_notBefore(about))),
              is_needed};
    case X509_V_ERR_INVALID_PURPOSE:
      // What says "for anything" is refused by OpenSSL's clients, and taken by others.
      if (depth == 0) return {purpose_fault(about), !has_extended_usage(about, XKU_ANYEKU)};
      return {whose + "is not for issuers of TLS servers' certificates", true};
    default:
      return {fmt::format("{}is refused: {}", whose, X509_verify_cert_error_string(error.code)),
              true};
  }
}

void add(std::vector<chain_fault>& faults, chain_fault fault) {
  const bool is_said = fault.text.empty() ||
                       std::ranges::find(faults, fault.text, &chain_fault::text) != faults.end();
  if (!is_said) faults.push_back(std::move(fault));
}

// What the file lacks at the upper end of the path.
void check_top(const path& found, chain_verdict& verdict) {
  X509* const top = found.certificates.back();
  if (is_self_signed(top)) return;
  if (found.impostor != nullptr) {
    return add(verdict.faults,
               {fmt::format("has a chain that is broken: '{}' has not signed '{}', only its name "
                            "is that of the issuer",
                            subject_of(found.impostor), subject_of(top)),
                true});
  }
  if (found.certificates.size() > 1) return;  // the root is for clients to have
  add(verdict.faults,
      {fmt::format("comes without '{}', which issued it: clients that do not have that one as a "
                   "root refuse it",
                   text_of(X509_get_issuer_name(top))),
       false});
}

}  // namespace

chain_verdict verify_chain(X509* leaf, const std::vector<x509_ptr>& chain, std::time_t now) {
  const path found = build_path(leaf, chain);
  chain_verdict verdict;
  const auto end_of = [](const X509* one) { return unix_time_of(X509_get0_notAfter(one)); };
  verdict.expires = end_of(*std::ranges::min_element(found.certificates, {}, end_of));
  verdict.is_issuer_missing = found.certificates.size() == 1 && !is_self_signed(leaf);
  verdict.has_intermediate =
      found.certificates.size() > 1 && !is_self_signed(found.certificates[1]);
  for (const verify_error& error : errors_in(found.certificates, now))
    add(verdict.faults, fault_of(error, found.certificates));
  check_key_usage(leaf, verdict.faults);
  check_top(found, verdict);
  return verdict;
}

}  // namespace presenter::gateway
