#include "gateway/tls/certificates/client_subject.hpp"

#include <algorithm>
#include <string_view>

#include "gateway/tls/certificates/openssl_handles.hpp"
#include "protocol/limits.hpp"

namespace presenter::gateway {

std::optional<std::string> client_subject(const X509* certificate) {
  const bio_ptr out(BIO_new(BIO_s_mem()));
  if (!out) return std::nullopt;
  // XN_FLAG_RFC2253 escapes separators, control characters and everything above ASCII.
  const X509_NAME* const name = X509_get_subject_name(certificate);
  if (X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return std::nullopt;
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  if (size <= 0) return std::nullopt;
  const std::string_view text(bytes, static_cast<std::size_t>(size));
  const bool is_printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable || text.size() > protocol::limits::client_subject_bytes_max)
    return std::nullopt;
  return std::string(text);
}

}  // namespace presenter::gateway
