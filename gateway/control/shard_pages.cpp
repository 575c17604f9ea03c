#include "gateway/control/shard_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/parse_number.hpp"
#include "gateway/control/ask_workers.hpp"
#include "shard_router/shard_map_codec.hpp"

namespace presenter::gateway {
namespace {

namespace http = boost::beast::http;
using nlohmann::json;
using shard_router::shard_map;
using shard_router::shard_map_ptr;

// --- /shards

json links_page(const backend_use& use) {
  return {{"up", use.links_up}, {"suspect", use.links_suspect}, {"wanted", use.links_wanted}};
}

// Only a link that is up tells.
json hands_over(const backend_use& use) {
  return use.links_up == 0 ? json() : json(use.links_handing == use.links_up);
}

json page_of(const shard_router::backend_entry& server, double share, const backend_use& use) {
  return {{"name", server.name},
          {"host", server.host},
          {"port", server.port},
          {"weight", server.weight},
          {"state", name_of(server.state)},
          {"instance", server.instance},
          {"share", share},
          {"streams", use.streams},
          {"links", links_page(use)},
          {"hands_over", hands_over(use)}};
}

json servers_page(const shard_map_ptr& map, backend_uses uses) {
  json page = json::array();
  if (map != nullptr) {
    for (const auto& server : map->backends()) {
      page.push_back(page_of(server, map->share(server.name), uses[server.name]));
      uses.erase(server.name);
    }
  }
  for (const auto& [name, use] : uses) {
    if (use.streams == 0) continue;
    page.push_back({{"name", name},
                    {"host", ""},
                    {"port", 0},
                    {"weight", 0},
                    {"state", "left"},
                    {"instance", ""},
                    {"share", 0},
                    {"streams", use.streams},
                    {"links", links_page(use)},
                    {"hands_over", hands_over(use)}});
  }
  return page;
}

// {name of each enumerator: sum over the workers}
template <class Enum, class Values>
json sums_by_name(std::span<const worker_metrics* const> workers, Values worker_metrics::*values) {
  json sums = json::object();
  for (std::size_t i = 0; i < Values::size; ++i) {
    decltype((workers.front()->*values).at_index(i).value()) sum = 0;
    for (const auto* each : workers)
      sum += (each->*values).at_index(i).value();
    sums[std::string(name_of(static_cast<Enum>(i)))] = sum;
  }
  return sums;
}

json moves_page(const worker_list& workers, const move_paces& paces) {
  std::vector<const worker_metrics*> metrics;
  std::int64_t handoffs_pending = 0;
  for (const auto& worker : workers) {
    metrics.push_back(&worker->metrics());
    handoffs_pending += worker->metrics().handoffs_pending.value();
  }
  const auto count = static_cast<double>(workers.size());
  return {{"per_second", paces.closes * count},
          {"handoffs_per_second", paces.handoffs * count},
          {"pending", sums_by_name<move_cause>(metrics, &worker_metrics::moves_pending)},
          {"handoffs_pending", handoffs_pending},
          {"total", sums_by_name<move_cause>(metrics, &worker_metrics::moves)},
          {"handoffs", sums_by_name<handoff_result>(metrics, &worker_metrics::handoffs)},
          {"eta_seconds", moves_eta_seconds(metrics, paces)}};
}

// Of /shards: what ZooKeeper's map would change if it were believed. null: nothing is held.
json held_page(const shard_map* held, const shard_map* in_force) {
  if (held == nullptr) return nullptr;
  json page{
      {"epoch", held->epoch()}, {"servers_up", held->backends_up()}, {"missing", json::array()}};
  if (in_force == nullptr) return page;
  for (const auto& server : in_force->backends()) {
    if (held->find(server.name) == nullptr) page["missing"].push_back(server.name);
  }
  return page;
}

// --- /whois

struct found_client {
  std::string tag;
  std::string server;
  client_phase phase;
  double seconds;
  bool is_move_pending;
  handoff_obstacle obstacle;
};

// How a move of it would go, now or when its turn comes.
json moves_by(const found_client& client) {
  switch (client.phase) {
    case client_phase::relaying:
      return client.obstacle == handoff_obstacle::none ? "handoff" : "close";
    case client_phase::handing_over:
      return "handoff";
    case client_phase::stranded:
      return "close";
    default:
      return nullptr;
  }
}

// Of a client that is where it belongs: if its backend has to go, somebody else will be the owner.
handoff_obstacle obstacle_of(const client_session& client, const shard_router::backend_entry* to) {
  if (client.phase() != client_phase::relaying) return handoff_obstacle::none;
  const bool is_moving = to != nullptr && !is_same_process(*to, *client.backend());
  return client.obstacle_to_handoff(is_moving ? to->name : std::string());
}

json clients_page(const std::vector<std::vector<found_client>>& of_worker) {
  json page = json::array();
  for (std::size_t i = 0; i < of_worker.size(); ++i) {
    for (const found_client& client : of_worker[i]) {
      page.push_back(
          {{"worker", i},
           {"tag", client.tag},
           {"server", client.server},
           {"phase", name_of(client.phase)},
           {"seconds", client.seconds},
           {"is_move_pending", client.is_move_pending},
           {"moves_by", moves_by(client)},
           {"obstacle",
            client.obstacle == handoff_obstacle::none ? json() : json(name_of(client.obstacle))}});
    }
  }
  return page;
}

// --- /what-if

struct change {
  json_answer refused{http::status::ok, {}};
  shard_map_ptr map;
};

std::optional<std::int64_t> weight_of(const admin_query& query) {
  const auto text = query.value("weight");
  if (!text) return shard_router::limits::weight_default;
  const auto weight = parse_number<std::int64_t>(*text);
  if (!weight || *weight < shard_router::limits::weight_min ||
      *weight > shard_router::limits::weight_max)
    return std::nullopt;
  return weight;
}

change with_added(const shard_map& map, const std::string& name, std::int64_t weight) {
  if (!shard_router::is_backend_name(name))
    return {error_answer(http::status::bad_request, "not a name of a backend"), nullptr};
  if (map.find(name) != nullptr)
    return {error_answer(http::status::conflict, "the map has this server already"), nullptr};
  auto servers = map.backends();
  if (shard_router::weight_of(servers) + weight > shard_router::limits::weights_total_max)
    return {error_answer(http::status::conflict, "more weight than a map may have"), nullptr};
  shard_router::backend_entry added;
  added.name = name;
  added.weight = weight;
  servers.push_back(std::move(added));
  return {{}, std::make_shared<shard_map>(map.epoch(), std::move(servers))};
}

change with_removed(const shard_map& map, const std::string& name) {
  if (map.find(name) == nullptr)
    return {error_answer(http::status::not_found, "the map has no such backend"), nullptr};
  auto servers = map.backends();
  std::erase_if(servers, [&](const auto& server) { return server.name == name; });
  return {{}, std::make_shared<shard_map>(map.epoch(), std::move(servers))};
}

change changed(const shard_map& map, const admin_query& query) {
  const auto add = query.value("add");
  const auto remove = query.value("remove");
  const auto weight = weight_of(query);
  if (add.has_value() == remove.has_value())
    return {error_answer(http::status::bad_request, "needs one of 'add' and 'remove'"), nullptr};
  if (!weight)
    return {error_answer(http::status::bad_request, "'weight' is not between 1 and 1000"), nullptr};
  return add ? with_added(map, *add, *weight) : with_removed(map, *remove);
}

struct moved_streams {
  std::size_t all = 0;
  std::size_t handed_over = 0;
  std::size_t closed = 0;
  // Of those: why, and the name of the backend that is in the way, if it is one.
  std::map<std::pair<handoff_obstacle, std::string>, std::size_t> closed_for;

  moved_streams& operator+=(const moved_streams& other) {
    all += other.all;
    handed_over += other.handed_over;
    closed += other.closed;
    for (const auto& [why, count] : other.closed_for)
      closed_for[why] += count;
    return *this;
  }
};

void count_moved(const client_session& client, const shard_map& by, moved_streams& streams) {
  if (client.phase() != client_phase::relaying) return;
  ++streams.all;
  const auto* owner = by.owner_of(client.ring_hash());
  if (owner == nullptr || is_same_process(*owner, *client.backend())) return;
  const handoff_obstacle why = client.obstacle_to_handoff(owner->name);
  if (why == handoff_obstacle::none) return void(++streams.handed_over);
  ++streams.closed;
  std::string in_the_way;
  if (why == handoff_obstacle::backend_cannot) in_the_way = client.backend()->name;
  if (why == handoff_obstacle::owner_cannot) in_the_way = owner->name;
  ++streams.closed_for[{why, std::move(in_the_way)}];
}

json closed_page(const moved_streams& streams) {
  json page = json::array();
  for (const auto& [why, count] : streams.closed_for) {
    const auto& [obstacle, name] = why;
    page.push_back({{"obstacle", name_of(obstacle)},
                    {"server", name.empty() ? json() : json(name)},
                    {"streams", count}});
  }
  return page;
}

// With all servers of either map; `moved` becomes the part of the keys that changes hands.
json shares_page(const shard_map& before, const shard_map& after, double& moved) {
  std::map<std::string_view, std::pair<double, double>> shares;
  for (const auto& server : before.backends())
    shares[server.name].first = before.share(server.name);
  for (const auto& server : after.backends())
    shares[server.name].second = after.share(server.name);
  json page = json::array();
  moved = 0;
  for (const auto& [name, share] : shares) {
    moved += std::max(share.first - share.second, 0.0);
    page.push_back({{"name", name}, {"share_before", share.first}, {"share_after", share.second}});
  }
  return page;
}

}  // namespace

shard_pages::shard_pages(boost::asio::io_context& control, const shard_router::router& shards,
                         const worker_list& workers, std::string node, const move_paces& paces,
                         std::function<shard_map_ptr()> held)
    : control_(control),
      shards_(shards),
      workers_(workers),
      node_(std::move(node)),
      paces_(paces),
      held_(std::move(held)) {}

std::int64_t shard_pages::epoch() const {
  return shards_.current() == nullptr ? 0 : shards_.current()->epoch();
}

void shard_pages::shards(const json_reply& reply) const {
  const auto ask = [this](std::size_t number, page_part<backend_uses>& into, auto finished) {
    workers_[number]->post_visit_links([&into, finished](const upstream_pool& upstream) {
      into.attempt([&](backend_uses& uses) { uses = upstream.uses(); });
      finished();
    });
  };
  const auto make = [this](const std::vector<backend_uses>& of_worker) {
    backend_uses sum;
    std::size_t streams = 0;
    for (const auto& uses : of_worker) {
      for (const auto& [name, use] : uses) {
        sum[name] += use;
        streams += use.streams;
      }
    }
    return json{{"gateway", node_},
                {"epoch", epoch()},
                {"streams", streams},
                {"servers", servers_page(shards_.current(), sum)},
                {"held", held_page(held_().get(), shards_.current().get())},
                {"moves", moves_page(workers_, paces_)}};
  };
  ask_all<backend_uses>(control_, workers_, reply, ask, make);
}

void shard_pages::whois(const admin_query& query, const json_reply& reply) const {
  const auto key = query.value("key");
  if (!key || key->empty()) return reply(error_answer(http::status::bad_request, "needs a 'key'"));
  const std::uint64_t hash = shard_router::ring_hash_of(*key);
  const auto* owner = shards_.current() ? shards_.current()->owner_of(hash) : nullptr;
  json page{{"gateway", node_}, {"epoch", epoch()}, {"hash", fmt::format("{:016x}", hash)}};
  page["owner"] = owner == nullptr ? json() : json(owner->name);
  using found_list = std::vector<found_client>;
  const auto map = shards_.current();
  const auto ask = [this, hash, map](std::size_t number, page_part<found_list>& into,
                                     auto finished) {
    const auto visit = [hash, map, &into](const client_session& client) {
      if (client.ring_hash() != hash || client.backend() == nullptr) return;
      into.attempt([&](found_list& found) {
        found.push_back({.tag = client.tag(),
                         .server = client.backend()->name,
                         .phase = client.phase(),
                         .seconds = client.age_seconds(),
                         .is_move_pending = client.is_move_pending(),
                         .obstacle = obstacle_of(client, map ? map->owner_of(hash) : nullptr)});
      });
    };
    workers_[number]->post_survey(visit, finished);
  };
  ask_all<found_list>(control_, workers_, reply, ask, [page](const auto& of_worker) {
    json whole = page;
    whole["clients"] = clients_page(of_worker);
    return whole;
  });
}

void shard_pages::what_if(const admin_query& query, const json_reply& reply) const {
  const auto before =
      shards_.current() != nullptr
          ? shards_.current()
          : std::make_shared<const shard_map>(0, std::vector<shard_router::backend_entry>{});
  auto [refused, after] = changed(*before, query);
  if (after == nullptr) return reply(std::move(refused));
  const shard_map_ptr by = after;
  const auto ask = [this, by](std::size_t number, page_part<moved_streams>& into, auto finished) {
    const auto visit = [by, &into](const client_session& client) {
      into.attempt([&](moved_streams& streams) { count_moved(client, *by, streams); });
    };
    workers_[number]->post_survey(visit, finished);
  };
  ask_all<moved_streams>(control_, workers_, reply, ask, [this, before, by](const auto& of_worker) {
    moved_streams sum;
    double seconds = 0;
    for (const moved_streams& each : of_worker) {
      sum += each;
      seconds =
          std::max(seconds, move_seconds(static_cast<std::int64_t>(each.closed),
                                         static_cast<std::int64_t>(each.handed_over), paces_));
    }
    const auto count = static_cast<double>(workers_.size());
    double keys_moved = 0;
    json servers = shares_page(*before, *by, keys_moved);
    return json{{"gateway", node_},
                {"epoch", before->epoch()},
                {"keys_moved", keys_moved},
                {"streams", sum.all},
                {"streams_moved", sum.handed_over + sum.closed},
                {"streams_handed_over", sum.handed_over},
                {"streams_closed", closed_page(sum)},
                {"moves_per_second", paces_.closes * count},
                {"handoffs_per_second", paces_.handoffs * count},
                {"seconds", seconds},
                {"servers", std::move(servers)}};
  });
}

}  // namespace presenter::gateway
