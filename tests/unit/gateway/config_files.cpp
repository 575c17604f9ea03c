#include "config_files.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

fs::path make_folder() {
  auto name = (fs::temp_directory_path() / "presenter_config_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return name;
}

std::FILE* open_for_writing(const fs::path& path) {
  auto* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
  return file;
}

using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using x509_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

x509_ptr self_signed(EVP_PKEY* key) {
  x509_ptr certificate{X509_new(), &X509_free};
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
  X509_set_pubkey(certificate.get(), key);
  auto* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0)
    throw std::runtime_error("X509_sign failed");
  return certificate;
}

}  // namespace

config_files::config_files() : folder_(make_folder()) {
  make_certificate("tls");
  write("shards.toml", "[[server]]\nname = \"chat1\"\nhost = \"127.0.0.1\"\nport = 7001\n");
}

config_files::~config_files() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

fs::path config_files::write(std::string_view name, std::string_view text) const {
  auto path = folder_ / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

void config_files::make_certificate(const std::string& stem, std::string password) const {
  const key_ptr key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  const auto certificate = self_signed(key.get());

  auto* file = open_for_writing(folder_ / (stem + ".pem"));
  PEM_write_X509(file, certificate.get());
  std::fclose(file);

  file = open_for_writing(folder_ / (stem + ".key"));
  const auto* cipher = password.empty() ? nullptr : EVP_aes_128_cbc();
  PEM_write_PrivateKey(file, key.get(), cipher, nullptr, 0, nullptr,
                       password.empty() ? nullptr : password.data());
  std::fclose(file);
}

}  // namespace presenter::gateway
