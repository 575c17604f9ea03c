// The admin pages that the workers have a part in: what is on the map, where a key's clients are,
// what a change would move. Asks every worker and puts their answers together.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "gateway/control/ask_workers.hpp"
#include "gateway/operate/admin_pages.hpp"
#include "gateway/worker/worker.hpp"
#include "shard_router/router.hpp"

namespace presenter::gateway {

// Life: the server's; outlived by all that it was given. Confined to: the control thread.
class shard_pages {
 public:
  // `paces`: of each worker. `held`: the map that is read but not in force, see
  // shard_router/map_guard.hpp; nullptr: none.
  shard_pages(boost::asio::io_context& control, const shard_router::router& shards,
              const worker_list& workers, std::string node, const move_paces& paces,
              std::function<shard_router::shard_map_ptr()> held);

  // {"gateway", "epoch", "streams", "servers": [{"name", "host", "port", "weight", "state",
  // "instance", "share", "streams", "links": {"up", "suspect", "wanted"}, "hands_over"}], "held":
  // null or {"epoch", "backends_up", "missing": [name]}, "moves": {"per_second",
  // "handoffs_per_second", "pending": {cause: n}, "handoffs_pending", "total": {cause: n},
  // "handoffs": {result: n}, "eta_seconds"}}. A server that has left the map and still has streams
  // has the state "left". "hands_over": null while no link to it is up.
  void shards(const json_reply& reply) const;

  // ?key=KEY → {"gateway", "epoch", "hash", "owner", "clients": [{"worker", "tag", "server",
  // "phase", "seconds", "is_move_pending", "moves_by": null, "handoff" or "close", "obstacle": to
  // its handoff, or null}]}. Clients are found by the ring hash of their key.
  void whois(const admin_query& query, const json_reply& reply) const;

  // ?add=NAME&weight=W or ?remove=NAME → {"gateway", "epoch", "keys_moved": 0 … 1, "streams",
  // "streams_moved", "streams_handed_over", "streams_closed": [{"obstacle", "server", "streams"}],
  // "moves_per_second", "handoffs_per_second", "seconds", "servers": [{"name", "share_before",
  // "share_after"}]}. A server that is added is taken for one that takes streams over. 409: it is
  // there already; 404: it is not there.
  void what_if(const admin_query& query, const json_reply& reply) const;

  void set_paces(const move_paces& paces) { paces_ = paces; }

 private:
  std::int64_t epoch() const;

  boost::asio::io_context& control_;
  const shard_router::router& shards_;
  const worker_list& workers_;
  const std::string node_;
  move_paces paces_;
  const std::function<shard_router::shard_map_ptr()> held_;
};

}  // namespace presenter::gateway
