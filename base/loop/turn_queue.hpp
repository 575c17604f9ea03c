// Clients that want to go on in a later turn of the worker's loop: handshakes, which must not hold
// up those who are talking, and relays that have moved their share of this turn.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <functional>
#include <utility>

namespace presenter {

// Something that can stand in one turn_queue at a time. Leaves it by itself when it dies.
class turn_node : public boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void on_turn() = 0;

 protected:
  ~turn_node() = default;

 private:
  friend class turn_queue;
};

// First come, first served. Confined to: one thread. Bounds: one place per client.
class turn_queue {
 public:
  // `on_waiting`: somebody stands in the queue that was empty. Give turns soon, not from inside.
  explicit turn_queue(std::function<void()> on_waiting) : on_waiting_(std::move(on_waiting)) {}

  void add(turn_node& node) {
    if (node.is_linked()) return;
    const bool was_empty = nodes_.empty();
    nodes_.push_back(node);
    if (was_empty) on_waiting_();
  }
  bool empty() const { return nodes_.empty(); }

  // Gives a turn to everybody who stands in it now.
  void run_all() {
    node_list now;
    now.swap(nodes_);
    while (!now.empty())
      run_front(now);
  }

  // Gives turns, at least one, until `budget` is used up.
  void run_for(std::chrono::steady_clock::duration budget) {
    const auto end = std::chrono::steady_clock::now() + budget;
    while (!nodes_.empty()) {
      run_front(nodes_);
      if (std::chrono::steady_clock::now() >= end) return;
    }
  }

 private:
  using node_list = boost::intrusive::list<turn_node, boost::intrusive::constant_time_size<false>>;

  static void run_front(node_list& nodes) {
    turn_node& node = nodes.front();
    nodes.pop_front();
    node.on_turn();
  }

  std::function<void()> on_waiting_;
  node_list nodes_;
};

}  // namespace presenter
