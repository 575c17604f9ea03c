// What both ends of a link say to each other about one stream, apart from its bytes: part of the
// frames of protocol/wire/mux_frame.hpp and of what a backend's application is told.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace presenter::protocol {

// A stream on one link: 1 and up, increasing, never reused. 0 stands for the link itself.
struct stream_id {
  std::int64_t value = 0;
  auto operator<=>(const stream_id&) const = default;
};

// Facts of the client's TLS session, empty where there is none.
struct tls_facts {
  std::string version;      // "TLSv1.3"
  std::string suite;        // "TLS_AES_128_GCM_SHA256"
  std::string server_name;  // SNI
  std::string alpn;
  bool resumed = false;
  std::string client_subject;  // of its certificate, ≤ limits::client_subject_bytes_max
  bool operator==(const tls_facts&) const = default;
};

// Why a stream has another backend. A number from a newer peer is kept as it is.
enum class continue_cause : std::int32_t { rebalanced = 1, draining = 2, crash = 3 };

// The stream continues one that another backend had.
struct continued_from {
  continue_cause cause = continue_cause::rebalanced;
  std::string node;  // the backend before, ≤ limits::node_bytes_max; for logs
  bool operator==(const continued_from&) const = default;
};

// §4.2
struct open_frame {
  stream_id stream;
  std::string key;             // routing key, 1 … limits::key_bytes_max bytes
  std::int64_t map_epoch = 0;  // the map by which the gateway chose this backend
  std::string client_address;  // textual, without port
  std::int32_t client_port = 0;
  tls_facts tls;
  std::string tag;  // the gateway's name for this stream, for logs on both sides
  // Opened from TLS early data: the stream's first bytes may be a replay. Only on a link whose
  // backend announced features::early_data.
  bool early_data = false;
  // Its Checkpoint follows. Only on a link whose backend announced features::handoff.
  std::optional<continued_from> continued;
  bool operator==(const open_frame&) const = default;
};

enum class refuse_reason : std::int32_t { not_owner = 1, busy = 2, denied = 3, shutting_down = 4 };

// Unknown numbers of a newer peer are kept as they are.
enum class handoff_reason : std::int32_t { rebalanced = 1, draining = 2 };

enum class notice_reason : std::int32_t { gateway_draining = 1, shedding = 2 };

}  // namespace presenter::protocol
