#include "config_files.hpp"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <utility>

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

std::FILE* open_for_writing(const fs::path& path) {
  auto* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
  return file;
}

using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using x509_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

std::FILE* open_for_reading(const fs::path& path) {
  auto* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) throw std::runtime_error("cannot read " + path.string());
  return file;
}

x509_ptr read_certificate(const fs::path& path) {
  auto* file = open_for_reading(path);
  x509_ptr certificate{PEM_read_X509(file, nullptr, nullptr, nullptr), &X509_free};
  std::fclose(file);
  return certificate;
}

key_ptr read_key(const fs::path& path) {
  auto* file = open_for_reading(path);
  key_ptr key{PEM_read_PrivateKey(file, nullptr, nullptr, nullptr), &EVP_PKEY_free};
  std::fclose(file);
  return key;
}

// One for all: making it takes longer than most tests.
key_ptr rsa_key() {
  static const key_ptr made{EVP_RSA_gen(2'048), &EVP_PKEY_free};
  EVP_PKEY_up_ref(made.get());
  return {made.get(), &EVP_PKEY_free};
}

key_ptr new_key(const std::string& curve) {
  if (curve != "ED25519") return {EVP_EC_gen(curve.c_str()), &EVP_PKEY_free};
  return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free};
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void add_names(X509* certificate, const std::vector<std::string>& names) {
  std::string value;
  for (const auto& name : names)
    value += (value.empty() ? "DNS:" : ",DNS:") + name;
  if (!value.empty()) add_extension(certificate, NID_subject_alt_name, value);
}

x509_ptr signed_certificate(EVP_PKEY* key, const certificate_recipe& recipe, EVP_PKEY* issuer_key,
                            const X509* issuer) {
  x509_ptr certificate{X509_new(), &X509_free};
  static long serial = 1;
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -recipe.seconds_old);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), recipe.seconds_left);
  X509_set_pubkey(certificate.get(), key);
  auto* name = X509_get_subject_name(certificate.get());
  // In pieces: an attribute has at most 64 characters.
  for (std::size_t at = 0; at < recipe.common_name.size(); at += 64) {
    const std::string piece = recipe.common_name.substr(at, 64);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(piece.data()),
                               static_cast<int>(piece.size()), -1, 0);
  }
  X509_set_issuer_name(certificate.get(), issuer == nullptr ? name : X509_get_subject_name(issuer));
  add_names(certificate.get(), recipe.names);
  if (issuer == nullptr || recipe.is_authority)
    add_extension(certificate.get(), NID_basic_constraints, "CA:TRUE");
  if (!recipe.key_usage.empty()) add_extension(certificate.get(), NID_key_usage, recipe.key_usage);
  if (!recipe.extended_key_usage.empty())
    add_extension(certificate.get(), NID_ext_key_usage, recipe.extended_key_usage);
  if (recipe.must_be_stapled) add_extension(certificate.get(), NID_tlsfeature, "status_request");
  const bool is_eddsa = EVP_PKEY_get_base_id(issuer_key) == EVP_PKEY_ED25519;
  if (X509_sign(certificate.get(), issuer_key, is_eddsa ? nullptr : EVP_sha256()) == 0)
    throw std::runtime_error("X509_sign failed");
  return certificate;
}

}  // namespace

config_files::config_files() {
  make_certificate("tls", certificate_recipe{.names = {"localhost"}});
  write("shards.toml", "[[server]]\nname = \"chat1\"\nhost = \"127.0.0.1\"\nport = 7001\n");
}

fs::path config_files::write(std::string_view name, std::string_view text) const {
  auto path = folder_ / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

void config_files::make_certificate(const std::string& stem, std::string password) const {
  make_certificate(stem, certificate_recipe{.password = std::move(password)});
}

void config_files::make_certificate(const std::string& stem,
                                    const certificate_recipe& recipe) const {
  const key_ptr key = recipe.is_rsa ? rsa_key() : new_key(recipe.curve);
  key_ptr issuer_key{nullptr, &EVP_PKEY_free};
  x509_ptr issuer{nullptr, &X509_free};
  if (!recipe.issuer.empty()) {
    issuer_key = read_key(folder_ / (recipe.issuer + ".key"));
    issuer = read_certificate(folder_ / (recipe.issuer + ".pem"));
  }
  const auto certificate = signed_certificate(
      key.get(), recipe, issuer_key ? issuer_key.get() : key.get(), issuer.get());

  auto* file = open_for_writing(folder_ / (stem + ".pem"));
  PEM_write_X509(file, certificate.get());
  std::fclose(file);

  file = open_for_writing(folder_ / (stem + ".key"));
  std::string password = recipe.password;
  const auto* cipher = password.empty() ? nullptr : EVP_aes_128_cbc();
  PEM_write_PrivateKey(file, key.get(), cipher, nullptr, 0, nullptr,
                       password.empty() ? nullptr : password.data());
  std::fclose(file);
  fs::permissions(folder_ / (stem + ".key"), fs::perms{0600});
}

void config_files::append(const std::string& below, const std::string& stem) const {
  std::ifstream from(folder_ / (stem + ".pem"), std::ios::binary);
  std::ofstream(folder_ / (below + ".pem"), std::ios::binary | std::ios::app) << from.rdbuf();
}

void config_files::make_ocsp_response(const std::string& stem, const std::string& issuer,
                                      int status, long seconds_left, long seconds_old) const {
  const auto leaf = read_certificate(folder_ / (stem + ".pem"));
  const auto authority = read_certificate(folder_ / (issuer + ".pem"));
  const auto key = read_key(folder_ / (issuer + ".key"));
  OCSP_CERTID* const id = OCSP_cert_to_id(EVP_sha1(), leaf.get(), authority.get());
  ASN1_TIME* const now = X509_gmtime_adj(nullptr, -seconds_old);
  ASN1_TIME* const next = X509_gmtime_adj(nullptr, seconds_left);
  OCSP_BASICRESP* const basic = OCSP_BASICRESP_new();
  const bool is_revoked = status == V_OCSP_CERTSTATUS_REVOKED;
  OCSP_basic_add1_status(basic, id, status, 0, is_revoked ? now : nullptr, now, next);
  OCSP_basic_sign(basic, authority.get(), key.get(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* const response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &der);
  write(stem + ".ocsp", {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(now);
  ASN1_TIME_free(next);
}

}  // namespace presenter::gateway
