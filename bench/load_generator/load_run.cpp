#include "bench/load_generator/load_run.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include "bench/load_generator/worker_group.hpp"

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

constexpr auto tick = 50ms;

// Of a ramp's step: what the rate before has left behind is not measured.
constexpr int settle_parts = 4;

// Losses by hand may come in several strokes, a gateway's clients not all at the same time.
constexpr auto quiet_after_loss = 2s;

interval_summary summary_of(const run_interval& interval) {
  return {.start = interval.start.count(),
          .seconds = interval.length.count(),
          .sent = interval.sent,
          .delivered = interval.delivered,
          .disconnects = interval.disconnects,
          .online = interval.online,
          .p50 = interval.latency.percentile(50),
          .p99 = interval.latency.percentile(99),
          .max = interval.latency.max(),
          .generator = interval.generator};
}

class load_run {
 public:
  load_run(const load_options& options, const run_hooks& hooks)
      : options_(options), hooks_(hooks), workers_(options) {}

  load_result run() {
    result_.clients = options_.clients;
    set_rate(options_.rate);
    started_ = std::chrono::steady_clock::now();
    next_report_ = started_;
    last_ = look_at(workers_.mailboxes());
    workers_.start(started_);
    connect();
    send();
    drain();
    post_phase(run_phase::closing, "closing");
    result_.seen = workers_.join();
    for (const worker_mailbox& box : workers_.mailboxes())
      result_.times.merge(box.live.times);
    return std::move(result_);
  }

 private:
  void connect() {
    const std::chrono::duration<double> needed(static_cast<double>(options_.clients) /
                                               options_.connect_rate);
    const auto deadline =
        std::chrono::duration_cast<std::chrono::nanoseconds>(needed) + options_.connect_deadline;
    const bool served =
        wait_until(deadline, [this] { return sum(&live_counters::served) == options_.clients; });
    result_.connect_time = std::chrono::steady_clock::now() - started_;
    if (served) hooks_.on_ready();
  }

  void send() {
    last_ = look_at(workers_.mailboxes());
    const load_snapshot begun = last_;
    traffic_begun_ = begun.at;
    next_report_ = begun.at + options_.interval;
    post_phase(run_phase::traffic, "sending");
    if (options_.ramp) {
      find_knee();
    } else if (options_.kind == load_kind::reconnect) {
      lose_servers();
    } else {
      wait_until(options_.duration, [] { return false; });
    }
    const load_snapshot ended = look_at(workers_.mailboxes());
    result_.traffic_time = ended.at - begun.at;
    result_.generator = generator_between(begun, ended);
  }

  void find_knee() {
    const auto clients = static_cast<double>(options_.clients);
    ramp search(options_.rate * clients, options_.ramp->factor, options_.ramp->p99_max);
    const auto settle = options_.ramp->step / settle_parts;
    while (!search.is_over()) {
      const double rate = search.next_rate();
      set_rate(rate / clients);
      wait_until(settle, [] { return false; });
      const load_snapshot before = look_at(workers_.mailboxes());
      wait_until(options_.ramp->step - settle, [] { return false; });
      if (is_stop_requested_ || workers_.has_ended()) break;
      const run_interval seen = interval_between(before, look_at(workers_.mailboxes()));
      const ramp_step step = step_of(rate, seen);
      result_.ramp.push_back({step, search.add(step)});
      if (hooks_.on_step) hooks_.on_step(result_.ramp.back());
    }
    result_.knee = search.knee();
    result_.is_knee_of_server = search.is_knee_of_server();
  }

  static ramp_step step_of(double rate, const run_interval& seen) {
    const auto p99 = seen.latency.percentile(99);
    return {.rate = rate,
            .delivered = static_cast<double>(seen.delivered) / seen.length.count(),
            .p50 = seen.latency.percentile(50),
            .p99 = p99,
            .was_generator_the_limit = seen.generator.was_the_limit(p99)};
  }

  void lose_servers() {
    if (options_.loses_by_hand) return watch_loss();
    for (unsigned n = 1; n <= options_.losses && !is_stop_requested_ && !workers_.has_ended();
         ++n) {
      const load_snapshot before = look_at(workers_.mailboxes());
      loss_result loss;
      loss.lost = static_cast<std::uint64_t>(before.online);
      for (worker_mailbox& box : workers_.mailboxes())
        box.losses = n;
      loss.is_everyone_back = wait_until(options_.duration, [&] {
        return sum(&live_counters::disconnects) - before.disconnects >= loss.lost &&
               sum(&live_counters::online) >= before.online;
      });
      const load_snapshot after = look_at(workers_.mailboxes());
      loss.seconds = after.at - before.at;
      loss.back = after.back.since(before.back);
      result_.losses.push_back(std::move(loss));
    }
  }

  // Somebody else takes servers away, of some or of all: it is over when nobody has lost one for a
  // while, and everybody has one.
  void watch_loss() {
    const load_snapshot before = look_at(workers_.mailboxes());
    loss_result loss;
    steady_time first, last;
    loss.is_everyone_back = wait_until(options_.duration, [&] {
      const auto now = std::chrono::steady_clock::now();
      const std::uint64_t lost = sum(&live_counters::disconnects) - before.disconnects;
      if (lost != 0 && loss.lost == 0) first = now;
      if (lost != loss.lost || sum(&live_counters::online) < before.online) last = now;
      loss.lost = lost;
      return lost != 0 && now - last > quiet_after_loss;
    });
    loss.seconds = last - first;
    loss.back = look_at(workers_.mailboxes()).back.since(before.back);
    result_.losses.push_back(std::move(loss));
  }

  void drain() {
    post_phase(run_phase::draining, "draining");
    // Told to stop or not, what is on its way is waited for: else it would count as lost.
    is_stop_requested_ = false;
    result_.has_drained = wait_until(options_.drain_deadline, [this] {
      return std::ranges::all_of(workers_.mailboxes(),
                                 [](const auto& box) { return box.is_drained.load(); });
    });
    add_interval(look_at(workers_.mailboxes()));
  }

  // Until `done`, the time is over, a worker has failed or the run is to stop; true when done.
  template <class Done>
  bool wait_until(std::chrono::nanoseconds longest, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (!done()) {
      const auto now = std::chrono::steady_clock::now();
      if (is_stop_requested_ || now >= deadline || workers_.has_ended()) return false;
      if (now >= next_report_) report(now);
      if (hooks_.wait(std::min<std::chrono::nanoseconds>(tick, deadline - now))) {
        is_stop_requested_ = result_.was_stopped_early = true;
      }
    }
    return true;
  }

  void report(steady_time now) {
    while (next_report_ <= now)
      next_report_ += options_.interval;
    load_snapshot seen = look_at(workers_.mailboxes());
    hooks_.on_progress({.elapsed = now - started_,
                        .phase = phase_name_,
                        .clients = options_.clients,
                        .online = seen.online,
                        .sent = seen.sent,
                        .delivered = seen.delivered,
                        .disconnects = seen.disconnects});
    if (traffic_begun_ != steady_time()) add_interval(std::move(seen));
  }

  void add_interval(load_snapshot seen) {
    run_interval interval = interval_between(last_, seen);
    interval.start = last_.at - traffic_begun_;
    result_.series.push_back(summary_of(interval));
    if (hooks_.on_interval) hooks_.on_interval(interval);
    last_ = std::move(seen);
  }

  template <class Integer>
  Integer sum(std::atomic<Integer> live_counters::*counter) const {
    Integer total = 0;
    for (const worker_mailbox& box : workers_.mailboxes())
      total += (box.live.*counter).load();
    return total;
  }

  void set_rate(double rate) {
    for (worker_mailbox& box : workers_.mailboxes())
      box.rate = rate;
  }

  void post_phase(run_phase phase, const char* name) {
    phase_name_ = name;
    for (worker_mailbox& box : workers_.mailboxes())
      box.phase = phase;
  }

  const load_options& options_;
  const run_hooks& hooks_;
  worker_group workers_;
  load_result result_;
  steady_time started_;
  steady_time traffic_begun_;
  steady_time next_report_;
  load_snapshot last_;  // where the current interval began
  const char* phase_name_ = "connecting";
  bool is_stop_requested_ = false;
};

}  // namespace

bool load_result::is_success() const {
  return seen.messages.is_flawless() && seen.messages.adds_up() && seen.clients_served == clients &&
         std::ranges::all_of(losses, [](const auto& loss) { return loss.is_everyone_back; });
}

bool load_result::was_generator_the_limit() const {
  const bool has_messages = times.latency.count() != 0;
  return generator.was_the_limit((has_messages ? times.latency : times.back).percentile(99));
}

load_result run_load(const load_options& options, const run_hooks& hooks) {
  // OpenSSL writes with write(2): a gateway that is gone must be an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  return load_run(options, hooks).run();
}

}  // namespace presenter::bench
