// The clients of a worker whose stream cannot be opened now, by what they wait for. Bounded: a
// client too many is told so at once instead of after its whole deadline. And those whose backend
// may have crashed.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gateway/operate/metrics.hpp"

namespace presenter::gateway {

class open_waiters;

// A client that waits. Leaves by itself when it dies.
class upstream_waiter : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // What it waits for may have come. It does not wait any more.
  virtual void on_upstream_changed() = 0;

  void stop_waiting();

 protected:
  ~upstream_waiter() { stop_waiting(); }

 private:
  friend class open_waiters;
  gauge* counted_in_ = nullptr;  // while it waits
};

// Life: outlives its waiters, or they have left. Confined to: the worker's thread.
// Bounds: waiting_max, but for those whose backend may have crashed.
class open_waiters {
 public:
  // As many as a backend bears unanswered on one link; each holds its first packet.
  static constexpr std::size_t waiting_max = 16'384;

  explicit open_waiters(worker_metrics& metrics) : metrics_(metrics) {}

  // False: too many wait already. A client that waits already stays where it is.
  // For a change of the map alone; for room on a link of this backend, or a change of the map; or
  // for its own time.
  bool wait_for_map(upstream_waiter& waiter) { return add(waiter, for_map_); }
  bool wait_for_room(upstream_waiter& waiter, std::string_view backend);
  bool wait_for_time(upstream_waiter& waiter) { return add(waiter, for_time_); }

  // For what a lost link means: a change of the map, or a link of this backend that comes up. Not
  // bounded: each is a client that was served, and waits with nothing but itself.
  void wait_for_fate(upstream_waiter& waiter, std::string_view backend);
  void on_link_up(std::string_view backend);

  // There is another map: all but those who wait for their time.
  void on_map();

  // A link of this backend came up, or has room again: those who wait for that, in the order of
  // their coming, as long as `has_room`.
  void on_room(std::string_view backend, const std::function<bool()>& has_room);

 private:
  using list = boost::intrusive::list<upstream_waiter, boost::intrusive::constant_time_size<false>>;
  using lists = std::map<std::string, list, std::less<>>;

  static list& list_of(lists& all, std::string_view backend);
  bool add(upstream_waiter& waiter, list& queue);
  void enter(upstream_waiter& waiter, list& queue, gauge& counted_in);
  void wake(list& queue);

  worker_metrics& metrics_;
  list for_map_;
  list for_time_;
  lists for_room_;
  lists for_fate_;
};

}  // namespace presenter::gateway
