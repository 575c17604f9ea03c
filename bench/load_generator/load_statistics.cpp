#include "bench/load_generator/load_statistics.hpp"

#include <nlohmann/json.hpp>

namespace presenter::bench {

namespace {

void add(std::uint64_t& to, std::uint64_t from) {
  to += from;
}

void add(count_by_text& to, const count_by_text& from) {
  for (const auto& [text, count] : from)
    to[text] += count;
}

// `visit(name, member)` for all but `messages`.
template <class Visit>
void for_each_count(Visit visit) {
  visit("delivered_by_history", &load_statistics::delivered_by_history);
  visit("history_overlaps", &load_statistics::history_overlaps);
  visit("history_gaps", &load_statistics::history_gaps);
  visit("skipped", &load_statistics::skipped);
  visit("overdue", &load_statistics::overdue);
  visit("bytes_sent", &load_statistics::bytes_sent);
  visit("clients_served", &load_statistics::clients_served);
  visit("reconnects", &load_statistics::reconnects);
  visit("left", &load_statistics::left);
  visit("lost_by_server", &load_statistics::lost_by_server);
  visit("disconnects", &load_statistics::disconnects);
  visit("failures", &load_statistics::failures);
  visit("exceptions", &load_statistics::exceptions);
  visit("streams_per_server", &load_statistics::streams_per_server);
  visit("streams_first_server", &load_statistics::streams_first_server);
  visit("moves", &load_statistics::moves);
}

template <class Visit>
void for_each_message_count(Visit visit) {
  visit("sent", &delivery_counts::sent);
  visit("acknowledged", &delivery_counts::acknowledged);
  visit("delivered", &delivery_counts::delivered);
  visit("duplicated", &delivery_counts::duplicated);
  visit("reordered", &delivery_counts::reordered);
  visit("corrupted", &delivery_counts::corrupted);
  visit("unexpected", &delivery_counts::unexpected);
  visit("interrupted", &delivery_counts::interrupted);
  visit("lost_with_server", &delivery_counts::lost_with_server);
  visit("lost", &delivery_counts::lost);
}

}  // namespace

load_statistics& load_statistics::operator+=(const load_statistics& other) {
  messages += other.messages;
  for_each_count([&](const char*, auto member) { add(this->*member, other.*member); });
  return *this;
}

nlohmann::json to_json(const load_statistics& statistics) {
  nlohmann::json all;
  for_each_count([&](const char* name, auto member) { all[name] = statistics.*member; });
  for_each_message_count(
      [&](const char* name, auto member) { all["messages"][name] = statistics.messages.*member; });
  return all;
}

load_statistics statistics_of(const nlohmann::json& all) {
  load_statistics statistics;
  for_each_count([&](const char* name, auto member) { all.at(name).get_to(statistics.*member); });
  for_each_message_count([&](const char* name, auto member) {
    all.at("messages").at(name).get_to(statistics.messages.*member);
  });
  return statistics;
}

}  // namespace presenter::bench
