#include "gateway/tls/certificates/ocsp_response.hpp"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {
namespace {

struct ocsp_deleter {
  void operator()(OCSP_RESPONSE* response) const { OCSP_RESPONSE_free(response); }
  void operator()(OCSP_BASICRESP* response) const { OCSP_BASICRESP_free(response); }
};

// The serial number and the issuer's name: enough to tell a mix-up of files.
bool is_about(const OCSP_SINGLERESP* single, const X509* leaf) {
  ASN1_OCTET_STRING* name_hash = nullptr;
  ASN1_OBJECT* digest = nullptr;
  ASN1_INTEGER* serial = nullptr;
  auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
  OCSP_id_get0_info(&name_hash, &digest, nullptr, &serial, id);
  if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  const EVP_MD* const type = EVP_get_digestbyobj(digest);
  if (type == nullptr ||
      X509_NAME_digest(X509_get_issuer_name(leaf), type, hash.data(), &size) != 1) {
    return false;
  }
  const std::span theirs(ASN1_STRING_get0_data(name_hash),
                         static_cast<std::size_t>(ASN1_STRING_length(name_hash)));
  return std::ranges::equal(theirs, std::span(hash).first(size));
}

OCSP_SINGLERESP* find_about(OCSP_BASICRESP* basic, const X509* leaf) {
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic, i);
    if (is_about(single, leaf)) return single;
  }
  return nullptr;
}

std::string read(std::string_view der, const X509* leaf, ocsp_response& out) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<OCSP_RESPONSE, ocsp_deleter> response(
      d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response) return "is no OCSP response in DER";
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return "is the OCSP responder's refusal";
  const std::unique_ptr<OCSP_BASICRESP, ocsp_deleter> basic(
      OCSP_response_get1_basic(response.get()));
  if (!basic) return "is no basic OCSP response";
  OCSP_SINGLERESP* const single = find_about(basic.get(), leaf);
  if (single == nullptr) return "is not about this certificate";
  ASN1_GENERALIZEDTIME* last = nullptr;
  ASN1_GENERALIZEDTIME* next = nullptr;
  const int status = OCSP_single_get0_status(single, nullptr, nullptr, &last, &next);
  if (status != V_OCSP_CERTSTATUS_GOOD)
    return std::string("says that the certificate is ") + OCSP_cert_status_str(status);
  out.der = der;
  out.this_update = last == nullptr ? 0 : unix_time_of(last);
  out.next_update = next == nullptr ? 0 : unix_time_of(next);
  return {};
}

}  // namespace

std::string read_ocsp_response(std::string_view der, const X509* leaf, ocsp_response& out) {
  std::string mistake = read(der, leaf, out);
  ERR_clear_error();
  return mistake;
}

}  // namespace presenter::gateway
