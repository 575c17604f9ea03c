// The links of one worker: `links_per_worker` to every backend of the shard map, brought up when
// the map names it and kept up. Answers the one question of a new client: which link, which stream.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/upstream/open_waiters.hpp"
#include "gateway/upstream/upstream_slot.hpp"
#include "gateway/upstream/upstream_state.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

// By the names of the backends.
using backend_uses = std::map<std::string, backend_use, std::less<>>;

// `is_up`: a link to the backend came up. Else all of them were broken, and it refuses new ones.
using backend_news = std::function<void(const shard_router::backend_entry&, bool is_up)>;

// What is known of a backend whose link was lost.
enum class backend_fate : std::uint8_t {
  unknown,
  gone,   // the map names this process no more
  alive,  // it has taken a link since
};

// Life: the worker's. Confined to: the worker's thread.
// Bounds: links_per_worker per server of the map (at most its own limit), plus links of servers
// that have left it, until their last stream ends.
class upstream_pool {
 public:
  using map_ptr = std::shared_ptr<const shard_router::shard_map>;

  struct upstream_route {
    bool has_owner = false;                                      // some backend owns the key
    std::shared_ptr<const shard_router::backend_entry> backend;  // that one, as its links know it
    std::int64_t map_epoch = 0;                                  // of the map that says so
    std::shared_ptr<protocol::mux_core> link;  // can_open; holds the link. nullptr: not now
    bool is_full = false;  // without a link: one is up, and has no room for another stream
    // Without a link: what stands in the way.
    close_reason obstacle() const;
  };

  // `on_input_end` runs after each gulp of any link, `on_reachable` when a link has come up or has
  // room again.
  upstream_pool(boost::asio::io_context& io, const config& settings, std::string node,
                worker_metrics& metrics, const worker_thread& thread,
                const protocol::link_loop& loop, std::function<void()> on_input_end,
                std::function<void()> on_reachable, backend_news news = {});
  ~upstream_pool();

  // --- another process goes on

  // A copy of all links that are up, without those that are being closed; they can go on all the
  // same. link_index() says where a link stands in it.
  upstream_state freeze();
  std::size_t link_index(const protocol::mux_core& link) const;
  // Before the first map: goes on with links that another process has frozen. Nothing is read or
  // written before serve_adopted(), and adopted_link() is there until then; nullptr: there is no
  // such link. Throws boost::system::system_error if the state makes no sense.
  void adopt(upstream_state state);
  std::shared_ptr<protocol::mux_core> adopted_link(std::size_t index) const;
  void serve_adopted();
  // As many to each backend as the configuration wants: it has changed.
  void match_links();

  // A server that is missing keeps its links for moves.left_grace, so that it finds them, and its
  // streams, when it is back in a moment; without its entry in the map nobody opens a stream there.
  void set_map(map_ptr map);

  // Who owns the key, and which of its links takes the next stream: they take turns.
  upstream_route route(std::string_view key);
  bool has_owner(std::uint64_t ring_hash) const {
    return map_ != nullptr && map_->owner_of(ring_hash) != nullptr;
  }
  // The owner of this place on the ring may take a stream over: no link of its that is up says that
  // it does not. False without an owner.
  bool may_continue_at_owner(std::uint64_t ring_hash) const;
  // One of its links is up and well, so that a stream may go there. False without an owner.
  bool is_owner_reachable(std::uint64_t ring_hash) const;
  // The same of the backend of this name. True for one that is not known yet.
  bool may_continue_at(std::string_view name) const;
  // `server` lost a link at `since`. Whoever is told `unknown` may wait: waiters().wait_for_fate.
  backend_fate fate_of(const shard_router::backend_entry& server,
                       protocol::mux_clock::time_point since) const;
  open_waiters& waiters() { return waiters_; }
  // 0: no map yet.
  std::int64_t map_epoch() const { return map_ != nullptr ? map_->epoch() : 0; }
  // Shared by all that jitters on this worker.
  std::minstd_rand& random() { return context_.random; }

  // Closes links whose server has left the map for good, once they are empty, and counts what has
  // passed on all. Call now and then.
  void sweep();

  // GoAway on every link; each is closed when its output has left, within `linger`. No link comes
  // up again.
  void shut_down(std::chrono::milliseconds linger);

  // No link is left, nor one on its way.
  bool is_empty() const;
  // Of the map's first so many backends by name, and of all that have left it and still have links.
  backend_uses uses(std::size_t backends_max = std::numeric_limits<std::size_t>::max()) const;
  // What the state of all streams keeps.
  std::size_t memory_bytes() const;

 private:
  struct backend {
    std::shared_ptr<const shard_router::backend_entry> server;
    std::vector<std::shared_ptr<upstream_slot>> slots;
    std::size_t next = 0;  // whose turn it is to carry a new stream
    std::optional<protocol::mux_clock::time_point> missing_since;  // in the map
  };

  void on_up(const upstream_slot& slot);
  void on_refused(const upstream_slot& slot);
  void on_room(const upstream_slot& slot);
  void add(const shard_router::backend_entry& server);
  void add_slots(backend& to);
  void retire(backend& gone);
  template <class Predicate>
  void retire_if(Predicate is_gone);
  void retire_missing();
  void replace(upstream_slot& leaving);
  std::shared_ptr<upstream_link> link_for_new_stream(backend& backend);

  upstream_context context_;
  map_ptr map_;
  std::map<std::string, backend, std::less<>> backends_;
  std::vector<std::shared_ptr<upstream_slot>> retired_;
  std::vector<const protocol::mux_core*> frozen_;        // by their place in the last freeze()
  std::vector<std::shared_ptr<upstream_slot>> adopted_;  // until they serve
  open_waiters waiters_;
  const std::function<void()> on_reachable_;
  const backend_news news_;
  bool is_shutting_down_ = false;
};

}  // namespace presenter::gateway
