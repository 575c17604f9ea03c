#include "bench/load_generator/load_statistics.hpp"

namespace presenter::bench {

namespace {

void add(count_by_text& to, const count_by_text& from) {
  for (const auto& [text, count] : from)
    to[text] += count;
}

}  // namespace

load_statistics& load_statistics::operator+=(const load_statistics& other) {
  messages += other.messages;
  delivered_by_history += other.delivered_by_history;
  history_overlaps += other.history_overlaps;
  history_gaps += other.history_gaps;
  skipped += other.skipped;
  clients_served += other.clients_served;
  reconnects += other.reconnects;
  latency.merge(other.latency);
  connect.merge(other.connect);
  handshake.merge(other.handshake);
  first_reply.merge(other.first_reply);
  add(lost_by_server, other.lost_by_server);
  add(disconnects, other.disconnects);
  add(failures, other.failures);
  add(exceptions, other.exceptions);
  add(streams_per_server, other.streams_per_server);
  add(streams_first_server, other.streams_first_server);
  add(moves, other.moves);
  return *this;
}

}  // namespace presenter::bench
