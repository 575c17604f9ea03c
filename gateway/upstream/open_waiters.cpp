#include "gateway/upstream/open_waiters.hpp"

#include <utility>

namespace presenter::gateway {

void upstream_waiter::stop_waiting() {
  if (counted_in_ == nullptr) return;
  std::exchange(counted_in_, nullptr)->sub();
  unlink();
}

bool open_waiters::add(upstream_waiter& waiter, list& queue) {
  waiter.stop_waiting();
  if (metrics_.opens_waiting.value() >= static_cast<std::int64_t>(waiting_max)) return false;
  enter(waiter, queue, metrics_.opens_waiting);
  return true;
}

void open_waiters::enter(upstream_waiter& waiter, list& queue, gauge& counted_in) {
  counted_in.add();
  waiter.counted_in_ = &counted_in;
  queue.push_back(waiter);
}

open_waiters::list& open_waiters::list_of(lists& all, std::string_view backend) {
  const auto known = all.find(backend);
  return known != all.end() ? known->second : all[std::string(backend)];
}

bool open_waiters::wait_for_room(upstream_waiter& waiter, std::string_view backend) {
  return add(waiter, list_of(for_room_, backend));
}

void open_waiters::wait_for_fate(upstream_waiter& waiter, std::string_view backend) {
  waiter.stop_waiting();
  enter(waiter, list_of(for_fate_, backend), metrics_.crashes_waiting);
}

void open_waiters::wake(list& queue) {
  upstream_waiter& waiter = queue.front();
  waiter.stop_waiting();
  waiter.on_upstream_changed();
}

void open_waiters::on_map() {
  // A client that must wait on enters the member's list again, not the one that is walked here.
  list woken;
  woken.swap(for_map_);
  for (lists* const all : {&for_room_, &for_fate_}) {
    for (auto& [backend, queue] : *all)
      woken.splice(woken.end(), queue);
    all->clear();
  }
  while (!woken.empty())
    wake(woken);
}

void open_waiters::on_link_up(std::string_view backend) {
  const auto known = for_fate_.find(backend);
  if (known == for_fate_.end()) return;
  list woken;
  woken.swap(known->second);
  while (!woken.empty())
    wake(woken);
}

void open_waiters::on_room(std::string_view backend, const std::function<bool()>& has_room) {
  const auto known = for_room_.find(backend);
  if (known == for_room_.end()) return;
  list woken;
  woken.swap(known->second);
  while (!woken.empty() && has_room())
    wake(woken);
  // The others keep their places, before any that has come meanwhile. The map is no other yet, but
  // the queue may have been made anew.
  if (!woken.empty()) {
    list& queue = for_room_[std::string(backend)];
    queue.splice(queue.begin(), woken);
  }
}

}  // namespace presenter::gateway
