// Deadlines of all clients of a worker in one coarse wheel: setting and clearing one is a list
// operation, and there is one timer per worker, not one per client. The time is passed in; it knows
// no clock.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace presenter {

using steady_time = std::chrono::steady_clock::time_point;

// Something with one deadline. Leaves the wheel by itself when it dies.
class deadline_node : public boost::intrusive::list_base_hook<
                          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // The deadline has passed, by at most one tick; it is cleared already.
  virtual void on_deadline(steady_time now) = 0;

  bool has_deadline() const { return is_linked(); }
  std::optional<steady_time> deadline() const {
    return has_deadline() ? std::optional(deadline_) : std::nullopt;
  }
  void clear_deadline() { unlink(); }

 protected:
  ~deadline_node() = default;

 private:
  friend class deadline_wheel;
  steady_time deadline_{};
};

// Confined to: one thread. Bounds: memory is fixed; a deadline further away than one round is
// looked at once per round.
class deadline_wheel {
 public:
  // How late a deadline may be noticed. Deadlines here are tenths of seconds to hours.
  static constexpr std::chrono::milliseconds tick{100};

  explicit deadline_wheel(steady_time now);

  // The time of the last tick: behind the clock by little more than one, and free to ask.
  steady_time now() const { return current_time_; }

  // Replaces the node's earlier deadline, if any.
  void set_deadline(deadline_node& node, steady_time deadline);

  // Calls on_deadline of every node whose deadline is at or before `now`. Handlers may set and
  // clear any.
  void advance(steady_time now);

  // So much time has passed and counts for nobody: every deadline is as far away as it was. Looks
  // at all nodes.
  void skip(steady_time::duration time);

 private:
  using node_list =
      boost::intrusive::list<deadline_node, boost::intrusive::constant_time_size<false>>;

  void insert(deadline_node& node);

  std::vector<node_list> slots_;
  std::size_t current_ = 0;  // the slot whose time is current_time_
  steady_time current_time_;
};

}  // namespace presenter
