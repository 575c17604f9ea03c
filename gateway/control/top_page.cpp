#include "gateway/control/top_page.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/parse_number.hpp"
#include "gateway/control/client_facts_of.hpp"
#include "gateway/control/client_listing.hpp"
#include "gateway/control/worker_sums.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;
using nlohmann::json;

constexpr std::size_t count_max = 50;

std::optional<std::size_t> count_of(const admin_query& query) {
  const auto count = parse_number<std::size_t>(query.value("count").value_or("0"));
  return count && *count <= count_max ? count : std::nullopt;
}

// Those of a worker with most bytes. Bounds: `count` clients.
struct busy_part {
  std::string tag_stem;
  std::vector<client_facts> clients;  // a heap: the one with the fewest is in front
  backend_uses uses;

  static bool has_more(const client_facts& one, const client_facts& other) {
    return one.bytes() > other.bytes();
  }

  void offer(const client_session& client, std::size_t count, steady_time now) {
    if (client.backend() == nullptr) return;
    const protocol::stream_traffic traffic = client.traffic();
    const std::uint64_t bytes = std::uint64_t{traffic.sent} + traffic.received;
    if (clients.size() == count) {
      if (bytes <= clients.front().bytes()) return;
      std::ranges::pop_heap(clients, has_more);
      clients.pop_back();
    }
    tag_stem = client.tag_stem();
    add_traffic(client, clients.emplace_back(facts_of(client, now)));
    std::ranges::push_heap(clients, has_more);
  }
};

json busiest_clients(std::vector<busy_part>& parts, std::size_t count) {
  std::vector<std::tuple<std::uint64_t, std::size_t, const client_facts*>> all;
  for (std::size_t worker = 0; worker < parts.size(); ++worker) {
    for (const client_facts& each : parts[worker].clients)
      all.emplace_back(each.bytes(), worker, &each);
  }
  std::ranges::sort(all, std::greater<>());
  json page = json::array();
  for (std::size_t i = 0; i < std::min(count, all.size()); ++i) {
    const auto& [bytes, worker, client] = all[i];
    page.push_back(client_page(*client, worker, parts[worker].tag_stem));
  }
  return page;
}

json busiest_backends(const std::vector<busy_part>& parts, std::size_t count) {
  backend_uses sum;
  for (const busy_part& part : parts) {
    for (const auto& [name, use] : part.uses)
      sum[name] += use;
  }
  std::vector<std::pair<std::string, backend_use>> all(sum.begin(), sum.end());
  std::ranges::stable_sort(all, [](const auto& one, const auto& other) {
    return one.second.streams > other.second.streams;
  });
  json page = json::array();
  for (std::size_t i = 0; i < std::min(count, all.size()); ++i) {
    const auto& [name, use] = all[i];
    page.push_back({{"name", name},
                    {"streams", use.streams},
                    {"links_up", use.links_up},
                    {"links_wanted", use.links_wanted}});
  }
  return page;
}

}  // namespace

top_page::top_page(boost::asio::io_context& control, const worker_list& workers,
                   std::function<json()> status)
    : control_(control), workers_(workers), status_(std::move(status)) {}

void top_page::answer(const admin_query& query, const json_reply& reply) const {
  const auto count = count_of(query);
  if (!count) return reply(error_answer(status::bad_request, "'count' is not between 0 and 50"));
  const auto ask = [this, count = *count](std::size_t number, page_part<busy_part>& into,
                                          auto finished) {
    worker& each = *workers_[number];
    each.post_visit_links([&into, finished, count](const upstream_pool& upstream) {
      into.attempt([&](busy_part& part) { part.uses = upstream.uses(); });
      if (count == 0) finished();
    });
    if (count == 0) return;
    const auto visit = [&into, count,
                        now = std::chrono::steady_clock::now()](const client_session& client) {
      into.attempt([&](busy_part& part) { part.offer(client, count, now); });
    };
    each.post_survey(visit, finished);
  };
  ask_all<busy_part>(control_, workers_, reply, ask,
                     [this, count = *count](std::vector<busy_part> parts) {
                       json page = status_();
                       page.update(worker_sums(workers_));
                       page["busiest_backends"] = busiest_backends(parts, count);
                       page["busiest"] = busiest_clients(parts, count);
                       return page;
                     });
}

}  // namespace presenter::gateway
