// A folder of throw-away configuration files for tests: TOML text, certificates and keys made on
// the spot, removed with the object.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {

// How a certificate is to be.
struct certificate_recipe {
  std::vector<std::string> names{};  // DNS names in its subjectAltName
  std::string common_name = "localhost";
  bool is_rsa = false;        // ECDSA otherwise
  long seconds_left = 3'600;  // negative: it has expired
  std::string issuer{};       // the stem of another one; empty: signs itself
  std::string password{};     // of its key
  std::string curve = "P-256";
  long seconds_old = 7'200;          // negative: it is not valid yet
  bool is_authority = false;         // as those that sign themselves are
  std::string key_usage{};           // "keyEncipherment"; empty: no such extension
  std::string extended_key_usage{};  // "clientAuth"
  bool must_be_stapled = false;
};

class config_files {
 public:
  // With tls.pem and tls.key, which belong together and are for localhost, and shards.toml.
  config_files();

  const std::filesystem::path& folder() const noexcept { return folder_.path(); }

  // Writes `text` to the file; returns its path.
  std::filesystem::path write(std::string_view name, std::string_view text) const;

  // Makes a self-signed certificate `stem`.pem and its key `stem`.key; the key is encrypted if a
  // password is given.
  void make_certificate(const std::string& stem, std::string password = {}) const;
  void make_certificate(const std::string& stem, const certificate_recipe& recipe) const;

  // Puts the certificates of `stem` behind those of `below`: its chain.
  void append(const std::string& below, const std::string& stem) const;

  // Makes `stem`.ocsp, a response of `issuer` about `stem`.pem: V_OCSP_CERTSTATUS_GOOD or _REVOKED.
  void make_ocsp_response(const std::string& stem, const std::string& issuer, int status,
                          long seconds_left = 3'600, long seconds_old = 7'200) const;

 private:
  tests::own_folder folder_;
};

}  // namespace presenter::gateway
