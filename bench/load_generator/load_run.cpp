#include "bench/load_generator/load_run.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <vector>

#include "bench/load_generator/load_worker.hpp"

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

constexpr auto tick = 50ms;
constexpr auto progress_interval = 1s;

class load_run {
 public:
  load_run(const load_options& options, const run_hooks& hooks) : options_(options), hooks_(hooks) {
    for (std::size_t i = 0; i < options.threads; ++i) {
      workers_.push_back(std::make_unique<load_worker>(options, i));
    }
  }

  load_result run() {
    result_.clients = options_.clients;
    started_ = next_progress_ = std::chrono::steady_clock::now();
    for (const auto& worker : workers_)
      worker->start_thread(started_);
    connect();
    send();
    drain();
    post_phase(run_phase::closing, "closing");
    for (const auto& worker : workers_)
      result_.seen += worker->join();
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
    post_phase(run_phase::traffic, "sending");
    const auto begun = std::chrono::steady_clock::now();
    wait_until(options_.duration, [] { return false; });
    result_.traffic_time = std::chrono::steady_clock::now() - begun;
  }

  void drain() {
    post_phase(run_phase::draining, "draining");
    // Told to stop or not, what is on its way is waited for: else it would count as lost.
    is_stop_requested_ = false;
    result_.has_drained = wait_until(options_.drain_deadline, [this] {
      return std::ranges::all_of(workers_, &load_worker::is_drained);
    });
  }

  // Until `done`, the time is over, a worker has failed or the run is to stop; true when done.
  template <class Done>
  bool wait_until(std::chrono::nanoseconds longest, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (!done()) {
      const auto now = std::chrono::steady_clock::now();
      if (is_stop_requested_ || now >= deadline || has_failed()) return false;
      report(now);
      if (hooks_.wait(std::min<std::chrono::nanoseconds>(tick, deadline - now))) {
        is_stop_requested_ = result_.was_stopped_early = true;
      }
    }
    return true;
  }

  bool has_failed() const { return std::ranges::any_of(workers_, &load_worker::has_ended); }

  void report(steady_time now) {
    if (now < next_progress_) return;
    next_progress_ += progress_interval;
    load_progress progress;
    progress.elapsed = now - started_;
    progress.phase = phase_name_;
    progress.clients = options_.clients;
    progress.online = sum(&live_counters::online);
    progress.sent = sum(&live_counters::sent);
    progress.delivered = sum(&live_counters::delivered);
    progress.disconnects = sum(&live_counters::disconnects);
    hooks_.on_progress(progress);
  }

  template <class Integer>
  Integer sum(std::atomic<Integer> live_counters::*counter) const {
    Integer total = 0;
    for (const auto& worker : workers_)
      total += (worker->live().*counter).load();
    return total;
  }

  void post_phase(run_phase phase, const char* name) {
    phase_name_ = name;
    for (const auto& worker : workers_)
      worker->post_phase(phase);
  }

  const load_options& options_;
  const run_hooks& hooks_;
  std::vector<std::unique_ptr<load_worker>> workers_;
  load_result result_;
  steady_time started_;
  steady_time next_progress_;
  const char* phase_name_ = "connecting";
  bool is_stop_requested_ = false;
};

}  // namespace

load_result run_load(const load_options& options, const run_hooks& hooks) {
  // OpenSSL writes with write(2): a gateway that is gone must be an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  return load_run(options, hooks).run();
}

}  // namespace presenter::bench
