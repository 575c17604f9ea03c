// Which clients of a gateway are shown, and in which order: the filters, the cursor and the JSON of
// the admin page /clients. Knows neither workers nor sockets.
//
// Clients are shown by worker, and by number, in which order they came. A cursor is the last one
// that was shown, so it holds whoever leaves meanwhile: nobody who stays is left out or shown
// twice.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/config/address_range.hpp"
#include "gateway/operate/admin_query.hpp"
#include "gateway/vocabulary/client_phase.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

// Of one client. A hundred thousand of them are looked at, so texts are made of those that are
// shown, elsewhere.
struct client_facts {
  std::uint64_t number = 0;  // of its worker
  boost::asio::ip::tcp::endpoint peer;
  client_phase phase = client_phase::handshake;
  std::uint64_t ring_hash = 0;  // of its key; only with a backend
  std::shared_ptr<const shard_router::backend_entry> backend;
  std::chrono::duration<double> age{};
  std::chrono::duration<double> idle{};
  bool is_move_pending = false;
  // Modulo 2^32: see protocol::mux_stream_state.
  std::uint32_t bytes_to_backend = 0;
  std::uint32_t bytes_to_client = 0;

  std::uint64_t bytes() const { return std::uint64_t{bytes_to_backend} + bytes_to_client; }
};

// What is not there lets everybody through.
struct client_filter {
  std::optional<std::uint64_t> ring_hash;
  std::optional<address_range> address;
  std::optional<std::string> backend;
  std::optional<client_phase> phase;
  std::optional<std::chrono::milliseconds> idle_min;
  std::uint64_t bytes_min = 0;

  // But for the bytes, which cost more to be found.
  bool matches(const client_facts& client) const;
};

// The last client that was shown; number 0: nobody of this worker.
struct client_cursor {
  std::size_t worker = 0;
  std::uint64_t number = 0;
};

inline constexpr std::size_t listing_count_default = 100;
inline constexpr std::size_t listing_count_max = 1'000;

struct listing_order {
  client_filter filter;
  client_cursor behind;
  std::size_t count = listing_count_default;
};

// Of ?key=KEY&hash=16 hex digits&address=1.2.3.0/24&backend=NAME&phase=relaying&idle=10m&bytes=1000
// &count=100&cursor=0.17. Nothing: `mistake` says why.
std::optional<listing_order> read_listing_order(const admin_query& query, std::string& mistake);

// One worker's part: of those who match, the first `count` behind a number.
// Bounds: `count` clients.
class client_choice {
 public:
  // `behind` 0: from the first one on.
  client_choice(const client_filter& filter, std::uint64_t behind, std::size_t count)
      : filter_(filter), behind_(behind), count_(count) {}

  // `traffic(client)` fills in the bytes, if they are wanted.
  template <class Traffic>
  void offer(client_facts client, Traffic traffic) {
    if (!filter_.matches(client)) return;
    if (filter_.bytes_min != 0) {
      traffic(client);
      if (client.bytes() < filter_.bytes_min) return;
    }
    ++matching_;
    if (!has_place(client.number)) return;
    if (filter_.bytes_min == 0) traffic(client);
    take(std::move(client));
  }

  // All who match, those in front of the cursor as well.
  std::size_t matching() const { return matching_; }
  // In their order.
  std::vector<client_facts> chosen() &&;

 private:
  bool has_place(std::uint64_t number) const;
  void take(client_facts client);

  client_filter filter_;
  std::uint64_t behind_ = 0;
  std::size_t count_ = 0;
  std::size_t matching_ = 0;
  std::vector<client_facts> chosen_;  // a heap: the one with the largest number is in front
};

// Of the worker's clients; their tags begin with `tag_stem`.
struct worker_listing {
  std::string tag_stem;
  std::size_t matching = 0;
  std::vector<client_facts> clients;  // one more than are to be shown says that there are more
};

// {"tag", "worker", "hash": null or 16 hex digits, "address", "backend": null or a name, "phase",
// "seconds", "idle_seconds", "bytes_to_backend", "bytes_to_client", "is_move_pending"}
nlohmann::json client_page(const client_facts& client, std::size_t worker,
                           const std::string& tag_stem);

// {"gateway", "matching", "clients": […], "next": null or a cursor}
nlohmann::json listing_page(const std::string& gateway, const listing_order& order,
                            const std::vector<worker_listing>& of_worker);

}  // namespace presenter::gateway
