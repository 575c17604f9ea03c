#include "gateway/tls/certificates/certificate_faults.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "gateway/tls/certificates/certificate_chain.hpp"

namespace presenter::gateway {
namespace {

constexpr long feature_status_request = 5;  // RFC 7633 §4.1, RFC 6066 §8

struct extension_deleter {
  void operator()(TLS_FEATURE* features) const { TLS_FEATURE_free(features); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// A name that the pattern stands for.
std::string example_of(const std::string& pattern) {
  return pattern.starts_with('*') ? "x" + pattern.substr(1) : pattern;
}

bool must_be_stapled(const X509* leaf) {
  const std::unique_ptr<TLS_FEATURE, extension_deleter> features(
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(leaf, NID_tlsfeature, nullptr, nullptr)));
  for (int i = 0; features && i < sk_ASN1_INTEGER_num(features.get()); ++i)
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i)) == feature_status_request)
      return true;
  return false;
}

// Clients have not looked at the common name since RFC 6125.
bool names_somebody(const X509* leaf) {
  const std::unique_ptr<GENERAL_NAMES, extension_deleter> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const int type = sk_GENERAL_NAME_value(names.get(), i)->type;
    if (type == GEN_DNS || type == GEN_IPADD) return true;
  }
  return false;
}

void add_names(const certificate_pair& pair, std::vector<certificate_fault>& out) {
  if (!names_somebody(pair.leaf.get()))
    out.push_back({"certificate",
                   fmt::format("'{}' has no name and no address in its subjectAltName: clients "
                               "that look for one refuse it",
                               pair.file),
                   false});
  std::vector<std::string> foreign;
  std::ranges::copy_if(pair.names, std::back_inserter(foreign), [&](const std::string& name) {
    return !is_made_out_for(pair.leaf.get(), name);
  });
  for (const std::string& name : foreign)
    out.push_back({"names", fmt::format("'{}' is not made out for '{}'", pair.file, name),
                   foreign.size() == pair.names.size()});
}

void add_staple(const certificate_pair& pair, std::time_t now,
                std::vector<certificate_fault>& out) {
  if (!must_be_stapled(pair.leaf.get()) || (pair.ocsp && pair.ocsp->is_current(now))) return;
  out.push_back({pair.ocsp ? "ocsp_response" : "certificate",
                 fmt::format("'{}' must be shown with an OCSP response (RFC 7633), and there is "
                             "none{}",
                             pair.file, pair.ocsp ? " that is in force" : ": set 'ocsp_response'"),
                 true});
}

std::optional<std::string> fatal_fault(const certificate_pair& pair, std::time_t now) {
  for (const certificate_fault& fault : faults_of(pair, now))
    if (fault.is_fatal) return fault.text;
  return std::nullopt;
}

// Of the names that `pair` had: those that no certificate of `next` has.
std::vector<std::string> lost(const certificate_pair& pair, const tls_files& next) {
  std::vector<std::string> names;
  std::ranges::copy_if(pair.names, std::back_inserter(names),
                       [&](const std::string& name) { return !next.names.find(example_of(name)); });
  return names;
}

bool loses_its_issuer(const certificate_pair& now, const certificate_pair& next, std::time_t time) {
  return verify_chain(now.leaf.get(), now.chain, time).has_intermediate &&
         verify_chain(next.leaf.get(), next.chain, time).is_issuer_missing;
}

}  // namespace

bool is_made_out_for(X509* leaf, const std::string& pattern) {
  const std::string name = example_of(pattern);
  return X509_check_host(leaf, name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

std::vector<certificate_fault> faults_of(const certificate_pair& pair, std::time_t now) {
  std::vector<certificate_fault> out = pair.trial_faults;
  for (const chain_fault& fault : verify_chain(pair.leaf.get(), pair.chain, now).faults)
    out.push_back({"certificate", fmt::format("'{}' {}", pair.file, fault.text), fault.is_fatal});
  add_names(pair, out);
  add_staple(pair, now, out);
  return out;
}

std::optional<std::string> why_worse(const tls_files& now, const tls_files& next,
                                     std::time_t time) {
  for (const certificate_pair& pair : next.pairs) {
    // Another configuration may name another file: then nothing was there before.
    const auto found = std::ranges::find(now.pairs, pair.file, &certificate_pair::file);
    if (found == now.pairs.end()) {
      if (auto fault = fatal_fault(pair, time)) return fault;
      continue;
    }
    const certificate_pair& old = *found;
    if (auto fault = fatal_fault(pair, time); fault && !fatal_fault(old, time)) return fault;
    if (loses_its_issuer(old, pair, time))
      return fmt::format(
          "'{}' comes without the intermediate certificate that issued it, and had one before",
          pair.file);
    if (const auto names = lost(old, next); !names.empty() && names.size() == old.names.size())
      return fmt::format("no certificate is left for '{}', which '{}' was for",
                         fmt::join(names, "', '"), pair.file);
  }
  return std::nullopt;
}

std::vector<std::string> names_lost(const tls_files& now, const tls_files& next) {
  std::vector<std::string> all;
  for (const certificate_pair& pair : now.pairs)
    std::ranges::copy(lost(pair, next), std::back_inserter(all));
  return all;
}

}  // namespace presenter::gateway
