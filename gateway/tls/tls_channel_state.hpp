// All there is of a client's TLS between two turns, once its records are detached: another process
// that is handed the descriptor can go on with it. Holds secrets.
// See: gateway/upgrade/README.md.
#pragma once

#include <cstdint>

#include "base/byte_buffer.hpp"
#include "gateway/tls/records/tls_records.hpp"

namespace presenter::gateway {

// Life: moved, never copied; the keys are wiped when it dies.
struct tls_channel_state {
  tls_channel_state() = default;
  tls_channel_state(tls_channel_state&& other) noexcept { *this = std::move(other); }
  tls_channel_state& operator=(tls_channel_state&& other) noexcept {
    records = other.records;
    input = std::move(other.input);
    unsent = std::move(other.unsent);
    early = std::move(other.early);
    plaintext_waiting = other.plaintext_waiting;
    plaintext = other.plaintext;
    forgiven_at = other.forgiven_at;
    is_partial = other.is_partial;
    has_failed = other.has_failed;
    other.records.wipe();
    return *this;
  }
  ~tls_channel_state() { records.wipe(); }

  tls_record_state records{};
  byte_buffer input;   // received and not taken; it begins with `plaintext` opened bytes
  byte_buffer unsent;  // records that wait for the socket
  byte_buffer early;   // early data that nobody has read
  std::uint32_t plaintext_waiting = 0;  // as in detached_session
  std::uint32_t plaintext = 0;
  std::uint32_t forgiven_at = 0;
  bool is_partial = false;
  bool has_failed = false;  // as in client_socket
};

}  // namespace presenter::gateway
