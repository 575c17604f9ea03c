#include "gateway/moves/stream_mover.hpp"

#include <algorithm>
#include <utility>

namespace presenter::gateway {
namespace {

// A timer that is late, or a worker that was busy, does not slow the pace; one that stood still for
// longer does not make up for it in one crowd.
constexpr std::chrono::milliseconds catch_up{100};

// Until it is looked again whether there is room for a handoff.
constexpr std::chrono::milliseconds room_pause{10};

// Moves of one call, of at most some 20 µs each: others wait for no more.
constexpr int moves_at_a_stretch = 16;

enum : std::size_t { rank_hurried, rank_stranded, rank_drained, rank_left, rank_rebalanced };

std::size_t rank_of(move_cause cause) {
  switch (cause) {
    case move_cause::drained:
      return rank_drained;
    case move_cause::left:
      return rank_left;
    default:
      return rank_rebalanced;
  }
}

std::size_t bucket_of(std::uint64_t ring_hash) {
  return static_cast<std::size_t>(ring_hash >> 56);
}

}  // namespace

void stream_mover::rank::add(movable& client) {
  const std::size_t bucket = bucket_of(client.ring_hash_);
  clients[bucket].push_back(client);
  first = std::min(first, bucket);
}

movable* stream_mover::rank::front() {
  while (first < buckets && clients[first].empty())
    ++first;
  return first < buckets ? &clients[first].front() : nullptr;
}

stream_mover::stream_mover(const move_rules& rules, std::uint32_t seed, worker_metrics& metrics,
                           std::function<void()> on_work)
    : mean_gap_(1 / rules.paces.closes),
      mean_handoff_gap_(1 / rules.paces.handoffs),
      left_grace_(rules.left_grace),
      random_(seed),
      metrics_(metrics),
      on_work_(std::move(on_work)) {}

// --- who is to be moved

void stream_mover::set_rules(const move_rules& rules, time_point now) {
  left_grace_ = rules.left_grace;
  const std::chrono::duration<double> gap(1 / rules.paces.closes);
  const std::chrono::duration<double> handoff_gap(1 / rules.paces.handoffs);
  if (gap == mean_gap_ && handoff_gap == mean_handoff_gap_) return;
  mean_gap_ = gap;
  mean_handoff_gap_ = handoff_gap;
  due_ = std::min(due_, now);
  on_work_();
}

void stream_mover::set_map(map_ptr map, time_point now) {
  if (map_ != nullptr && has_left(*map)) left_until_ = now + left_grace_;
  map_ = std::move(map);
  unchecked_.splice(unchecked_.end(), settled_);
  unchecked_.splice(unchecked_.end(), nowhere_);
  // Those who wait for a move still count as such until look() comes to them.
  for (std::size_t i = rank_stranded + 1; i < ranks_.size(); ++i) {
    for (client_list& waiting : ranks_[i].clients)
      unchecked_.splice(unchecked_.end(), waiting);
    ranks_[i].first = buckets;
  }
  if (!unchecked_.empty()) on_work_();
}

// Any server of the map in force that is in the next one no more.
bool stream_mover::has_left(const shard_router::shard_map& next) const {
  return std::ranges::any_of(map_->backends(), [&](const shard_router::backend_entry& server) {
    const shard_router::backend_entry* same = next.find(server.name);
    return same == nullptr || !is_same_process(*same, server);
  });
}

void stream_mover::on_reachable() {
  if (nowhere_.empty()) return;
  unchecked_.splice(unchecked_.end(), nowhere_);
  on_work_();
}

void stream_mover::add(movable& client, time_point now) {
  // The map may have changed since its backend was chosen.
  place(client, now);
}

void stream_mover::strand(movable& client, move_cause cause, time_point now) {
  remove(client);
  client.is_hurried_ = false;
  enqueue(client, cause, ranks_[rank_stranded], now);
}

void stream_mover::hurry(movable& client, time_point now) {
  if (!client.is_pending_ || std::exchange(client.is_hurried_, true)) return;
  const move_cause cause = client.cause_;
  remove(client);
  enqueue(client, cause, ranks_[rank_hurried], now);
}

void stream_mover::remove(movable& client) {
  client.movable_hook::unlink();
  forget_pending(client);
}

bool stream_mover::look(std::size_t streams_max, time_point now) {
  for (; streams_max > 0 && !unchecked_.empty(); --streams_max) {
    movable& client = unchecked_.front();
    unchecked_.pop_front();
    place(client, now);
  }
  return !unchecked_.empty();
}

void stream_mover::place(movable& client, time_point now) {
  forget_pending(client);
  if (const auto cause = cause_to_move(client)) {
    enqueue(client, *cause, ranks_[rank_of(*cause)], now);
  } else {
    settled_.push_back(client);
  }
}

// Without an owner there is nowhere to go: better with a backend that drains than with none.
std::optional<move_cause> stream_mover::cause_to_move(const movable& client) const {
  const shard_router::backend_entry* owner =
      map_ != nullptr ? map_->owner_of(client.ring_hash_) : nullptr;
  if (owner == nullptr || is_same_process(*owner, *client.backend_)) return std::nullopt;
  const shard_router::backend_entry* now = map_->find(client.backend_->name);
  if (now == nullptr || !is_same_process(*now, *client.backend_)) return move_cause::left;
  return now->state == shard_router::backend_state::draining ? move_cause::drained
                                                             : move_cause::rebalanced;
}

void stream_mover::enqueue(movable& client, move_cause cause, rank& in, time_point now) {
  const auto before = next_move();
  client.is_pending_ = true;
  client.cause_ = cause;
  client.is_counted_as_handoff_ = client.way_to_move() != move_way::close;
  in.add(client);
  ++pending_;
  metrics_.moves_pending[cause].add();
  if (client.is_counted_as_handoff_) metrics_.handoffs_pending.add();
  if (!before || *before > now) due_ = std::max(due_, now);
  const auto after = next_move();
  if (pending_ == 1 || (after && (!before || *after < *before))) on_work_();
}

void stream_mover::forget_pending(movable& client) {
  if (!std::exchange(client.is_pending_, false)) return;
  --pending_;
  metrics_.moves_pending[client.cause_].sub();
  if (client.is_counted_as_handoff_) metrics_.handoffs_pending.sub();
}

// --- moving

void stream_mover::move_due(time_point now) {
  if (!unchecked_.empty()) return;
  due_ = std::max(due_, now - catch_up);
  for (int moved = 0; moved < moves_at_a_stretch && due_ <= now; ++moved) {
    movable* client = next_client(now);
    if (client == nullptr) return;
    const move_way way = client->way_to_move();
    if (way == move_way::later) {
      due_ = now + room_pause;
      return;
    }
    if (way == move_way::nowhere) {
      client->movable_hook::unlink();
      nowhere_.push_back(*client);
      continue;
    }
    const move_cause cause = client->cause_;
    remove(*client);
    due_ += next_gap(way);
    // A handoff is a move when it is done: one that fails comes back here to be closed.
    if (way == move_way::hand_over) {
      client->on_hand_over(cause);
    } else {
      metrics_.moves[cause].add();
      client->on_move(cause);
    }
  }
}

movable* stream_mover::next_client(time_point now) {
  const std::size_t end = is_resting_ ? rank_drained : ranks;
  for (std::size_t i = 0; i < end; ++i) {
    if (i == rank_left && now < left_until_) continue;
    if (movable* client = ranks_[i].front()) return client;
  }
  return nullptr;
}

std::optional<stream_mover::time_point> stream_mover::next_move() {
  if (pending_ == 0 || !unchecked_.empty()) return std::nullopt;
  // Only clients that do not wait for a backend's return.
  if (next_client(time_point::min()) != nullptr) return due_;
  // Or nobody but those who go nowhere.
  if (next_client(time_point::max()) == nullptr) return std::nullopt;
  return std::max(due_, left_until_);
}

// From half the mean to one and a half: gateways that saw the same change do not march in step.
stream_mover::clock_duration stream_mover::next_gap(move_way way) {
  std::uniform_real_distribution<double> jitter(0.5, 1.5);
  const auto mean = way == move_way::hand_over ? mean_handoff_gap_ : mean_gap_;
  return std::chrono::duration_cast<clock_duration>(mean * jitter(random_));
}

}  // namespace presenter::gateway
