#include "gateway/client/openssl_handles.hpp"

#include <openssl/err.h>

namespace presenter::gateway {

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return {};
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace presenter::gateway
