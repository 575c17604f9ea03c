#include "gateway/control/client_listing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "base/parse_number.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/config/config_reader.hpp"
#include "shard_router/hash_ring.hpp"

namespace presenter::gateway {
namespace {

using nlohmann::json;

std::optional<client_cursor> cursor_of(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto worker = parse_number<std::size_t>(text.substr(0, dot));
  const auto number = parse_number<std::uint64_t>(text.substr(dot + 1));
  if (!worker || !number) return std::nullopt;
  return client_cursor{*worker, *number};
}

std::optional<client_phase> phase_of(std::string_view name) {
  const auto found = std::ranges::find(client_phase_names, name);
  if (found == client_phase_names.end()) return std::nullopt;
  return static_cast<client_phase>(found - client_phase_names.begin());
}

// Sets `out` to what `read` makes of the parameter, if it is there. False: it makes nothing of it.
template <class Out, class Read>
bool take(const admin_query& query, std::string_view name, Out& out, Read read) {
  const auto text = query.value(name);
  if (!text) return true;
  const auto value = read(*text);
  if (!value) return false;
  out = *value;
  return true;
}

std::string mistake_in(const admin_query& query, listing_order& order) {
  if (const auto key = query.value("key")) {
    if (key->empty()) return "the 'key' is empty";
    order.filter.ring_hash = shard_router::ring_hash_of(*key);
  }
  order.filter.backend = query.value("backend");
  const auto hash_of = [](std::string_view text) { return parse_number<std::uint64_t>(text, 16); };
  const auto plain = [](std::string_view text) { return parse_number<std::uint64_t>(text); };
  if (!take(query, "hash", order.filter.ring_hash, hash_of)) return "'hash' is not a number in hex";
  if (!take(query, "address", order.filter.address, parse_address_range))
    return "'address' is neither an address nor a range like 10.0.0.0/8";
  if (!take(query, "phase", order.filter.phase, phase_of))
    return fmt::format("'phase' is none of {}", fmt::join(client_phase_names, ", "));
  if (!take(query, "idle", order.filter.idle_min, parse_duration))
    return "'idle' is not a time with its unit, like 90s or 30m";
  if (!take(query, "bytes", order.filter.bytes_min, plain)) return "'bytes' is not a number";
  if (!take(query, "cursor", order.behind, cursor_of)) return "there is no such 'cursor'";
  if (!take(query, "count", order.count, plain) || order.count == 0 ||
      order.count > listing_count_max)
    return fmt::format("'count' is not between 1 and {}", listing_count_max);
  return {};
}

bool is_smaller(const client_facts& one, const client_facts& other) {
  return one.number < other.number;
}

}  // namespace

bool client_filter::matches(const client_facts& client) const {
  if (ring_hash && (client.backend == nullptr || client.ring_hash != *ring_hash)) return false;
  if (phase && client.phase != *phase) return false;
  if (idle_min && client.idle < *idle_min) return false;
  if (backend && (client.backend == nullptr || client.backend->name != *backend)) return false;
  return !address || address->contains(client.peer.address());
}

std::optional<listing_order> read_listing_order(const admin_query& query, std::string& mistake) {
  const std::string unknown = query.unknown_name(
      {"key", "hash", "address", "backend", "phase", "idle", "bytes", "count", "cursor"});
  listing_order order;
  mistake = unknown.empty() ? mistake_in(query, order)
                            : fmt::format("'{}' is no filter of clients", unknown);
  if (!mistake.empty()) return std::nullopt;
  return order;
}

bool client_choice::has_place(std::uint64_t number) const {
  if (number <= behind_ || count_ == 0) return false;
  return chosen_.size() < count_ || number < chosen_.front().number;
}

void client_choice::take(client_facts client) {
  if (chosen_.size() == count_) {
    std::ranges::pop_heap(chosen_, is_smaller);
    chosen_.pop_back();
  }
  chosen_.push_back(std::move(client));
  std::ranges::push_heap(chosen_, is_smaller);
}

std::vector<client_facts> client_choice::chosen() && {
  std::ranges::sort_heap(chosen_, is_smaller);
  return std::move(chosen_);
}

json client_page(const client_facts& client, std::size_t worker, const std::string& tag_stem) {
  const bool has_backend = client.backend != nullptr;
  return {{"tag", fmt::format("{}-{}", tag_stem, client.number)},
          {"worker", worker},
          {"hash", has_backend ? json(fmt::format("{:016x}", client.ring_hash)) : json()},
          {"address", format_endpoint(client.peer)},
          {"backend", has_backend ? json(client.backend->name) : json()},
          {"phase", name_of(client.phase)},
          {"seconds", client.age.count()},
          {"idle_seconds", client.idle.count()},
          {"bytes_to_backend", client.bytes_to_backend},
          {"bytes_to_client", client.bytes_to_client},
          {"is_move_pending", client.is_move_pending}};
}

json listing_page(const std::string& gateway, const listing_order& order,
                  const std::vector<worker_listing>& of_worker) {
  json page{{"gateway", gateway}, {"clients", json::array()}, {"next", nullptr}};
  std::size_t matching = 0;
  client_cursor last = order.behind;
  for (std::size_t worker = 0; worker < of_worker.size(); ++worker) {
    const worker_listing& its = of_worker[worker];
    matching += its.matching;
    for (const client_facts& client : its.clients) {
      if (page["clients"].size() == order.count) {
        page["next"] = fmt::format("{}.{}", last.worker, last.number);
        break;
      }
      page["clients"].push_back(client_page(client, worker, its.tag_stem));
      last = {worker, client.number};
    }
  }
  page["matching"] = matching;
  return page;
}

}  // namespace presenter::gateway
