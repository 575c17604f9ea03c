#include "bench/chat_backend/counters_text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace presenter::chat_backend {
namespace {

class counters_line {
 public:
  void add(std::string_view name, std::uint64_t number) {
    if (number != 0) text_ += fmt::format("{}{}={}", text_.empty() ? "" : " ", name, number);
  }
  std::string take() { return text_.empty() ? "nothing" : std::move(text_); }

 private:
  std::string text_;
};

void add_chat(counters_line& line, const chat_counters& of) {
  line.add("clients_online", of.clients_online);
  line.add("messages", of.messages);
  line.add("deliveries", of.deliveries);
  line.add("deliveries_skipped", of.deliveries_skipped);
  line.add("logins_replaced", of.logins_replaced);
  line.add("packets_malformed", of.packets_malformed);
  line.add("couples_forgotten", of.couples_forgotten);
  line.add("history_failures", of.history_failures);
}

void add_links(counters_line& line, const protocol::acceptor_counters& of) {
  line.add("links_accepted", of.links_accepted);
  line.add("links_refused", of.links_refused);
  line.add("links_failed", of.links_failed);
  line.add("accept_errors", of.accept_errors);
  line.add("streams_opened", of.streams_opened);
  line.add("streams_accepted", of.streams_accepted);
  line.add("streams_refused", of.streams_refused);
  line.add("streams_abandoned", of.streams_abandoned);
  line.add("streams_limited", of.streams_limited);
  line.add("stream_errors", of.stream_errors);
  line.add("streams_moved", of.streams_moved);
  line.add("streams_not_owned", of.streams_not_owned);
  line.add("streams_handed_over", of.streams_handed_over);
  line.add("streams_continued", of.streams_continued);
  line.add("streams_held", of.streams_held);
  line.add("links_open", of.links_open);
  line.add("streams_open", of.streams_open);
  line.add("streams_waiting", of.streams_waiting);
}

void add_shards(counters_line& line, const shard_router::shard_counters& of) {
  line.add("sessions_opened", of.sessions_opened);
  line.add("sessions_expired", of.sessions_expired);
  line.add("disconnects", of.disconnects);
  line.add("open_failures", of.open_failures);
  line.add("moves", of.moves);
  line.add("lookups_found", of.lookups_found);
  line.add("lookups_failed", of.lookups_failed);
  line.add("lookups_timed_out", of.lookups_timed_out);
  line.add("maps_published", of.maps_published);
  line.add("map_read_failures", of.map_read_failures);
  line.add("registrations", of.registrations);
  line.add("leftovers_replaced", of.leftovers_replaced);
  line.add("registrations_lost", of.registrations_lost);
  line.add("registration_failures", of.registration_failures);
  line.add("names_taken", of.names_taken);
}

}  // namespace

std::string text_of(const chat_counters& chat, const protocol::acceptor_counters& links,
                    const shard_router::shard_counters* shards) {
  counters_line line;
  add_chat(line, chat);
  add_links(line, links);
  if (shards != nullptr) add_shards(line, *shards);
  return line.take();
}

}  // namespace presenter::chat_backend
