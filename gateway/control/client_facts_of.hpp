// What the pages say of a client, taken from it on its worker's thread.
#pragma once

#include "gateway/control/client_listing.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

// Without its bytes.
inline client_facts facts_of(const client_session& client, steady_time now) {
  client_facts facts;
  facts.number = client.number();
  facts.peer = client.peer();
  facts.phase = client.phase();
  facts.ring_hash = client.ring_hash();
  facts.backend = client.backend_ptr();
  facts.age = now - client.accepted_at();
  facts.idle = now - client.idle_since();
  facts.is_move_pending = client.is_move_pending();
  return facts;
}

inline void add_traffic(const client_session& client, client_facts& facts) {
  const protocol::stream_traffic traffic = client.traffic();
  facts.bytes_to_backend = traffic.sent;
  facts.bytes_to_client = traffic.received;
}

}  // namespace presenter::gateway
