// Events for whoever watches the gateway in a browser: text/event-stream, HTML Standard §9.2.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace presenter::gateway {

// One who watches. Confined to: the control thread.
// Bounds: pending_bytes_max; who falls behind by more is cut, and comes again by itself.
class event_reader {
 public:
  static constexpr std::size_t pending_bytes_max = 4 * 1'024 * 1'024;

  void add(std::string_view event);
  // What has come since the last call; empty: nothing.
  std::string take() { return std::exchange(pending_, {}); }
  bool is_cut() const { return is_cut_; }
  // Called when there is something to take.
  std::function<void()> on_more;

 private:
  std::string pending_;
  bool is_cut_ = false;
};

// "event: NAME", the lines of `data`, and the empty line behind them.
std::string format_event(std::string_view name, std::string_view data);

// Tells all readers. Confined to: the control thread.
// Bounds: readers_max.
class event_feed {
 public:
  static constexpr std::size_t readers_max = 16;

  // Those who have let go are forgotten. nullptr: there are too many.
  std::shared_ptr<event_reader> add_reader();
  void publish(std::string_view name, std::string_view data);
  bool is_watched() { return forget_gone(), !readers_.empty(); }

 private:
  void forget_gone();

  std::vector<std::weak_ptr<event_reader>> readers_;
};

}  // namespace presenter::gateway
