// Takes the gateway out: removes its record, waits until nobody is left and nobody has come for
// long enough, runs the hooks, and says that the process may end. It goes on serving all the time.
// What it knows of clients and records it is told. See: gateway/drain/README.md.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/log_pace.hpp"
#include "gateway/accept/arrival_watch.hpp"
#include "gateway/config/config.hpp"
#include "gateway/drain/drain_report.hpp"
#include "gateway/drain/drain_rule.hpp"
#include "gateway/drain/record_keeper.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/vocabulary/drain_state.hpp"
#include "gateway/vocabulary/hook_event.hpp"

namespace presenter::gateway {

// What the drainer has others do, on the control thread.
struct drain_parts {
  std::function<std::int64_t()> clients;          // in every phase
  std::function<std::int64_t()> clients_staying;  // of them: not being closed already
  // So many, those who are silent first; their backends are told so long ahead.
  std::function<void(std::int64_t, duration ahead)> close_clients;
  std::function<void()> keep_clients;  // those who were to be closed, and are not yet
  // `done` behind the last hook of the event.
  std::function<void(hook_event, std::function<void()> done)> run_hooks;
  std::function<void()> on_drained;  // behind the hooks of `drained`: the process is to end
  std::function<void(std::string_view status)> tell_service_manager;
};

// Life: the server's. Confined to: the control thread.
class drainer {
 public:
  using time_point = drain_rule::time_point;
  static constexpr std::chrono::milliseconds interval{100};

  // `settle`: how long caches keep a record that is gone; 0: there is none of ours. `notice`: how
  // long ahead backends are told of a client's end.
  drainer(boost::asio::io_context& control, const drain_config& settings, duration settle,
          duration notice, record_keeper& record, arrival_watch& arrivals, drain_parts parts);

  // Begins, or gives a drain that goes on another deadline. `why`: for the log. False: too late, it
  // has ended.
  bool begin(std::optional<duration> deadline, std::string_view why);
  // Clients may come again. False: too late, it has ended.
  bool undo(std::string_view why);
  // Nothing happens any more.
  void stop();

  // As of the constructor, from the next drain on.
  void set_times(duration settle, duration notice) {
    settle_ = settle;
    notice_ = notice;
  }

  drain_state state() const { return state_; }
  drain_facts facts() const;
  // But for the gateway's name.
  drain_report report() const;

 private:
  void wait();
  void step(time_point now);
  void look_at_record(time_point now);
  void look_at_last_record(time_point now);
  void close_for_deadline(time_point now);
  void tell_progress();
  void end(time_point now);

  const drain_config& settings_;
  duration settle_;
  duration notice_;
  record_keeper& record_;
  arrival_watch& arrivals_;
  const drain_parts parts_;
  boost::asio::steady_timer timer_;
  drain_state state_ = drain_state::up;
  std::optional<drain_rule> rule_;  // nothing: it is up
  time_point begun_{};
  std::uint64_t closed_ = 0;           // of this drain
  std::uint64_t closed_before_ = 0;    // of those that were taken back
  std::uint64_t arrivals_before_ = 0;  // likewise
  log_pace progress_said_{1, std::chrono::seconds{60}};
  log_pace obstacle_said_{1, std::chrono::seconds{30}};
  log_pace orders_said_{10};
  log_pace manager_told_{1, std::chrono::seconds{10}};
};

}  // namespace presenter::gateway
