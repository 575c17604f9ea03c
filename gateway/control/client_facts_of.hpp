// What the pages say of a client, taken from it on its worker's thread. `Client` is a
// client_session, or what a benchmark has in its place.
#pragma once

#include "gateway/control/client_listing.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

// Without its bytes.
template <class Client>
client_facts facts_of(const Client& client, steady_time now) {
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

template <class Client>
void add_traffic(const Client& client, client_facts& facts) {
  const protocol::stream_traffic traffic = client.traffic();
  facts.bytes_to_backend = traffic.sent;
  facts.bytes_to_client = traffic.received;
}

}  // namespace presenter::gateway
