// Streams follow the ring: finds those whose owner has changed and has them moved, one after the
// other at a configured pace, so that the handshakes of the clients that come back fit the budget.
// Knows no socket, no timer and no clock: the time is passed in, the caller comes again when
// next_move() says so. See: gateway/moves/README.md.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>

#include "gateway/operate/metrics.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

class stream_mover;

using movable_hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<stream_mover>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// What the turn of a client to be moved is to bring.
enum class move_way : std::uint8_t {
  close,      // it comes back by itself, and is routed by the map
  hand_over,  // its stream goes to the new owner, and it notices nothing
  later,      // as hand_over, but there is no room now
  nowhere,    // as hand_over, but the new owner cannot be reached now: it stays where it is
};

// A client as the mover sees it: where on the ring it belongs, and which backend has its stream.
class movable : public movable_hook {
 public:
  // nullptr: no backend has been chosen yet.
  const shard_router::backend_entry* backend() const { return backend_.get(); }
  const std::shared_ptr<const shard_router::backend_entry>& backend_ptr() const { return backend_; }
  std::uint64_t ring_hash() const { return ring_hash_; }
  // Its turn to be moved has not come yet.
  bool is_move_pending() const { return is_pending_; }

 protected:
  ~movable() = default;
  void set_ring_hash(std::uint64_t ring_hash) { ring_hash_ = ring_hash; }
  // Not while the mover knows it.
  void set_backend(std::shared_ptr<const shard_router::backend_entry> backend) {
    backend_ = std::move(backend);
  }

 private:
  friend class stream_mover;
  // Its turn: the mover has forgotten it, and it may die in here.
  virtual void on_move(move_cause cause) = 0;
  virtual void on_hand_over(move_cause) {}
  virtual move_way way_to_move() const { return move_way::close; }

  std::shared_ptr<const shard_router::backend_entry> backend_;
  std::uint64_t ring_hash_ = 0;
  bool is_pending_ = false;
  bool is_hurried_ = false;
  bool is_counted_as_handoff_ = false;  // while it is pending
  move_cause cause_ = move_cause::rebalanced;
};

struct move_rules {
  move_paces paces;  // without handoffs nobody says that there is one to be made
  // How long a backend may be missing from the map before its streams are moved: its session with
  // ZooKeeper may have expired, and it is back in a moment. A process that has died takes its links
  // with it, and is no matter of the map.
  std::chrono::steady_clock::duration left_grace;
};

// Confined to: one thread. Bounds: one place for each client; nothing is allocated after
// construction.
// Order: first those who have lost their stream already, and among them those who want to talk;
// then those whose backend drains, those whose backend has left, the others; each by their place on
// the ring. So clients of one key are moved at nearly the same time, whatever worker and gateway
// they are at.
class stream_mover {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using clock_duration = std::chrono::steady_clock::duration;
  using map_ptr = std::shared_ptr<const shard_router::shard_map>;

  // `on_work`: there is something to do, or sooner than next_move() said last: call look(), then
  // next_move(), soon, but not from inside.
  stream_mover(const move_rules& rules, std::uint32_t seed, worker_metrics& metrics,
               std::function<void()> on_work);

  // From the next move on, which is due at once if the paces are others.
  void set_rules(const move_rules& rules, time_point now);

  // Every stream is to be compared with the new map, by look(). Who belongs to its backend again is
  // not moved. Nobody is moved until all have been compared.
  void set_map(map_ptr map, time_point now);

  // A backend can be reached again: who was to go nowhere has another turn.
  void on_reachable();

  // A backend has accepted the client's stream.
  void add(movable& client, time_point now);

  // Its stream has ended through no fault of its own: it is told on_move at the pace as well.
  void strand(movable& client, move_cause cause, time_point now);

  // A stranded client has sent something: it is not made to wait behind those who are silent.
  void hurry(movable& client, time_point now);

  // The client needs no move any more. Harmless if the mover does not know it.
  void remove(movable& client);

  // Compares up to `streams_max` streams with the map. True: there are more.
  bool look(std::size_t streams_max, time_point now);

  // Moves all clients that are due. Call again at next_move().
  void move_due(time_point now);

  // When the next one is due; nothing: nobody waits, or look() is not through.
  std::optional<time_point> next_move();

  // Who has a stream keeps it, whatever the map says, until it is told otherwise. Those who have
  // lost theirs have their turn all the same.
  void set_resting(bool is_resting) { is_resting_ = is_resting; }

  // How many clients wait for a move, as far as look() has come.
  std::size_t pending() const { return pending_; }

 private:
  using client_list = boost::intrusive::list<movable, boost::intrusive::base_hook<movable_hook>,
                                             boost::intrusive::constant_time_size<false>>;
  static constexpr std::size_t buckets = 256;  // by the first byte of the ring hash
  static constexpr std::size_t ranks = 5;

  // Clients of one rank, roughly in the order of the ring.
  struct rank {
    std::array<client_list, buckets> clients;
    std::size_t first = buckets;  // no bucket below has anybody
    void add(movable& client);
    movable* front();
  };

  std::optional<move_cause> cause_to_move(const movable& client) const;
  void place(movable& client, time_point now);
  void enqueue(movable& client, move_cause cause, rank& in, time_point now);
  void forget_pending(movable& client);
  bool has_left(const shard_router::shard_map& map) const;
  movable* next_client(time_point now);
  clock_duration next_gap(move_way way);

  std::chrono::duration<double> mean_gap_;
  std::chrono::duration<double> mean_handoff_gap_;
  clock_duration left_grace_;
  std::minstd_rand random_;
  worker_metrics& metrics_;
  std::function<void()> on_work_;
  map_ptr map_;
  client_list settled_;    // with the owner of their key
  client_list unchecked_;  // to be compared with the map
  client_list nowhere_;    // pending, until their owner can be reached or is another
  std::array<rank, ranks> ranks_;
  time_point left_until_{};  // nobody is moved before for a backend that has left
  std::size_t pending_ = 0;
  bool is_resting_ = false;
  time_point due_{};
};

}  // namespace presenter::gateway
