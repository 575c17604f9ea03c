// The name in a client's certificate, as it goes into Open.
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>

namespace presenter::gateway {

// As in RFC 4514, all but printable ASCII escaped. Nothing if it is empty, longer than
// limits::client_subject_bytes_max or not well-formed: cut short it would be somebody else.
// See: protocol/README.md §4.2.
std::optional<std::string> client_subject(const X509* certificate);

}  // namespace presenter::gateway
