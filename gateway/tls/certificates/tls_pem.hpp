// PEM files as OpenSSL's objects. Each function answers with the whole mistake in words, ready for
// config_error::text; empty: there is none.
#pragma once

#include <filesystem>
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

}  // namespace presenter::gateway
