// How busy a process is, smoothed over minutes: what a weight may follow without swinging with
// every burst.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace presenter::gateway {

class cpu_average {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds smoothed_over{120};

  // `cores`: that the process may use, above 0.
  // `value`: what another process, whose work this one goes on with, has come to.
  explicit cpu_average(double cores, double value = 0) : cores_(cores), value_(value) {}

  // `cpu`: the time that the process has used since its start.
  void note(std::chrono::duration<double> cpu, time_point now) {
    if (last_) {
      const std::chrono::duration<double> passed = now - last_->at;
      if (passed.count() <= 0) return;
      const double busy = std::clamp((cpu - last_->cpu) / passed / cores_, 0.0, 1.0);
      value_ +=
          (busy - value_) * (1 - std::exp(-passed / std::chrono::duration<double>(smoothed_over)));
    }
    last_ = {cpu, now};
  }

  // 0 … 1.
  double value() const { return value_; }

 private:
  struct reading {
    std::chrono::duration<double> cpu;
    time_point at;
  };
  double cores_;
  double value_;
  std::optional<reading> last_;
};

}  // namespace presenter::gateway
