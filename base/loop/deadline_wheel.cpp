#include "base/loop/deadline_wheel.hpp"

#include <algorithm>

namespace presenter {
namespace {

// 51.2 s a round: most deadlines (handshake, first packet, stall) are met within the first.
constexpr std::size_t slot_count = 512;

}  // namespace

deadline_wheel::deadline_wheel(steady_time now) : slots_(slot_count), current_time_(now) {}

void deadline_wheel::set_deadline(deadline_node& node, steady_time deadline) {
  node.unlink();
  node.deadline_ = deadline;
  insert(node);
}

void deadline_wheel::insert(deadline_node& node) {
  // Rounded up, and never into the slot being looked at.
  const auto distance = std::max(node.deadline_ - current_time_, steady_time::duration::zero());
  const auto ticks = static_cast<std::size_t>((distance + tick - steady_time::duration{1}) / tick);
  const std::size_t ahead = std::clamp<std::size_t>(ticks, 1, slot_count - 1);
  slots_[(current_ + ahead) % slot_count].push_back(node);
}

void deadline_wheel::skip(steady_time::duration time) {
  current_time_ += time;
  for (node_list& slot : slots_) {
    for (deadline_node& node : slot)
      node.deadline_ += time;
  }
}

void deadline_wheel::advance(steady_time now) {
  while (current_time_ + tick <= now) {
    current_time_ += tick;
    current_ = (current_ + 1) % slot_count;
    node_list due;
    due.swap(slots_[current_]);
    while (!due.empty()) {
      deadline_node& node = due.front();
      due.pop_front();
      if (node.deadline_ <= current_time_) {
        node.on_deadline(now);
      } else {
        insert(node);
      }
    }
  }
}

}  // namespace presenter
