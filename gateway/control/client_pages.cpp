#include "gateway/control/client_pages.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/control/client_facts_of.hpp"
#include "gateway/control/client_listing.hpp"
#include "shard_router/hash_ring.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;
using nlohmann::json;
using client_test = std::function<bool(const client_session&)>;

constexpr std::string_view nobody = "no such client is connected";

// A worker's part while it is being made.
struct choosing {
  std::string tag_stem;
  std::optional<client_choice> choice;
};

worker_listing listing_of(choosing& of) {
  worker_listing listing{.tag_stem = of.tag_stem, .matching = 0, .clients = {}};
  if (!of.choice) return listing;
  listing.matching = of.choice->matching();
  listing.clients = std::move(*of.choice).chosen();
  return listing;
}

// Whoever is in front of the cursor is counted and not chosen.
client_choice choice_for(const listing_order& order, std::size_t worker) {
  const client_cursor& behind = order.behind;
  if (worker < behind.worker) return {order.filter, 0, 0};
  return {order.filter, worker == behind.worker ? behind.number : 0, order.count + 1};
}

json tls_page(const protocol::tls_facts& facts) {
  return {{"version", facts.version}, {"suite", facts.suite},
          {"resumed", facts.resumed}, {"server_name", facts.server_name},
          {"alpn", facts.alpn},       {"client_subject", facts.client_subject}};
}

// What there is of one client; its worker is found by who has it.
struct found_one {
  std::string tag_stem;
  std::optional<client_facts> client;
  std::optional<protocol::tls_facts> tls;
};

// Of ?tag=TAG or ?key=KEY; nothing: neither, or both.
client_test test_of(const admin_query& query) {
  const auto tag = query.value("tag");
  const auto key = query.value("key");
  if (tag.has_value() == key.has_value() || (key && key->empty())) return {};
  if (tag) return [tag = *tag](const client_session& client) { return client.has_tag(tag); };
  return [hash = shard_router::ring_hash_of(*key)](const client_session& client) {
    return client.backend() != nullptr && client.ring_hash() == hash;
  };
}

}  // namespace

client_pages::client_pages(boost::asio::io_context& control, const shard_router::router& shards,
                           const worker_list& workers, const std::string& node)
    : control_(control), shards_(shards), workers_(workers), node_(node) {}

void client_pages::list(const admin_query& query, const json_reply& reply) const {
  std::string mistake;
  const auto order = read_listing_order(query, mistake);
  if (!order) return reply(error_answer(status::bad_request, mistake));
  const auto ask = [this, order = *order](std::size_t number, page_part<choosing>& into,
                                          auto finished) {
    into.found.choice = choice_for(order, number);
    const auto visit = [&into,
                        now = std::chrono::steady_clock::now()](const client_session& client) {
      into.attempt([&](choosing& part) {
        if (part.tag_stem.empty()) part.tag_stem = client.tag_stem();
        part.choice->offer(facts_of(client, now),
                           [&](client_facts& facts) { add_traffic(client, facts); });
      });
    };
    workers_[number]->post_survey(visit, finished);
  };
  ask_all<choosing>(control_, workers_, reply, ask,
                    [this, order = *order](std::vector<choosing> of_worker) {
                      std::vector<worker_listing> listings;
                      listings.reserve(of_worker.size());
                      for (choosing& each : of_worker)
                        listings.push_back(listing_of(each));
                      return listing_page(node_, order, listings);
                    });
}

void client_pages::show(const admin_query& query, const json_reply& reply) const {
  const std::string tag = query.value("tag").value_or("");
  const auto ask = [this, tag](std::size_t number, page_part<found_one>& into, auto finished) {
    const auto visit = [tag, &into](const client_session& client) {
      if (!client.has_tag(tag)) return;
      into.attempt([&](found_one& found) {
        found.tag_stem = client.tag_stem();
        add_traffic(client,
                    found.client.emplace(facts_of(client, std::chrono::steady_clock::now())));
        if (client.agreed() != nullptr) found.tls = *client.agreed();
      });
    };
    workers_[number]->post_survey(visit, finished);
  };
  ask_all<found_one>(control_, workers_, reply, ask,
                     [this](const std::vector<found_one>& of_worker) {
                       for (std::size_t worker = 0; worker < of_worker.size(); ++worker) {
                         const found_one& found = of_worker[worker];
                         if (!found.client) continue;
                         json page = client_page(*found.client, worker, found.tag_stem);
                         page["gateway"] = node_;
                         page["tls"] = found.tls ? tls_page(*found.tls) : json();
                         const auto& map = shards_.current();
                         const auto* owner = map == nullptr || page["hash"].is_null()
                                                 ? nullptr
                                                 : map->owner_of(found.client->ring_hash);
                         page["owner"] = owner == nullptr ? json() : json(owner->name);
                         return answer_of(page);
                       }
                       return error_answer(status::not_found, nobody);
                     });
}

void client_pages::close(const admin_query& query, const json_reply& reply) const {
  const client_test is_wanted = test_of(query);
  if (!is_wanted)
    return reply(error_answer(status::bad_request, "needs the tag of a client or a 'key'"));
  const auto ask = [this, is_wanted](std::size_t number, page_part<std::size_t>& into,
                                     auto finished) {
    workers_[number]->post_close_wanted(is_wanted, close_reason::closed_by_operator,
                                        [&into, finished](std::size_t closed) {
                                          into.found = closed;
                                          finished();
                                        });
  };
  ask_all<std::size_t>(control_, workers_, reply, ask,
                       [this](const std::vector<std::size_t>& of_worker) {
                         std::size_t closed = 0;
                         for (const std::size_t each : of_worker)
                           closed += each;
                         if (closed == 0) return error_answer(status::not_found, nobody);
                         return answer_of({{"gateway", node_}, {"closed", closed}});
                       });
}

}  // namespace presenter::gateway
