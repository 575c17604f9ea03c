// PEM files as OpenSSL's objects, and names that OpenSSL knows. Each function answers with the
// whole mistake in words, ready for config_error::text; empty: there is none.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {

// No certificate chain, list of authorities or OCSP response comes near it.
inline constexpr std::size_t tls_file_bytes_max = 4 * 1'024 * 1'024;

// The whole file; at most tls_file_bytes_max.
std::string read_tls_file(const std::filesystem::path& path, std::string& bytes);

// Every certificate in it, at least one.
std::string read_certificates(const std::filesystem::path& path, std::vector<x509_ptr>& out);

// The key, which needs no password.
std::string read_private_key(const std::filesystem::path& path, key_ptr& out);

// Suites and groups by the names that the configuration uses. A suite must encrypt and
// authenticate.
std::string check_suite_12(const std::string& name);
std::string check_suite_13(const std::string& name);
std::string check_curve(const std::string& name);

// The first of these groups that an earlier one is as well, by whatever name. OpenSSL 3.0 takes no
// such list.
std::optional<std::string> curve_named_twice(const std::vector<std::string>& names);

}  // namespace presenter::gateway
