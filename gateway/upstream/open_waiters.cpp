#include "gateway/upstream/open_waiters.hpp"

namespace presenter::gateway {

void upstream_waiter::stop_waiting() {
  if (queue_ == nullptr) return;
  queue_->metrics_.opens_waiting.sub();
  queue_ = nullptr;
  unlink();
}

bool open_waiters::add(upstream_waiter& waiter, list& queue) {
  waiter.stop_waiting();
  if (metrics_.opens_waiting.value() >= static_cast<std::int64_t>(waiting_max)) return false;
  metrics_.opens_waiting.add();
  waiter.queue_ = this;
  queue.push_back(waiter);
  return true;
}

bool open_waiters::wait_for_room(upstream_waiter& waiter, std::string_view backend) {
  const auto known = for_room_.find(backend);
  return add(waiter, known != for_room_.end() ? known->second : for_room_[std::string(backend)]);
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
  for (auto& [backend, queue] : for_room_)
    woken.splice(woken.end(), queue);
  for_room_.clear();
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
