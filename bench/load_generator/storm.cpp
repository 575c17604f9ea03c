#include "bench/load_generator/storm.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

namespace presenter::bench {

namespace {

double process_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

double per_second(const storm_result& result) {
  return result.seconds > 0 ? static_cast<double>(result.done) / result.seconds : 0;
}

}  // namespace

storm_result run_storm(const storm_options& options, const storm_wait& wait) {
  // A server that has gone must be an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  const double cpu_before = process_cpu_seconds();
  const auto begun = std::chrono::steady_clock::now();
  storm_result result =
      options.are_hellos ? run_hellos(options, wait) : run_handshakes(options, wait);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  result.cores = (process_cpu_seconds() - cpu_before) / std::max(result.seconds, 1e-9);
  const auto machine = static_cast<double>(std::max(1U, std::thread::hardware_concurrency()));
  const double threads =
      options.are_hellos ? 1 : std::min(machine, static_cast<double>(options.at_once));
  constexpr double full = 0.9;
  result.was_generator_the_limit = result.cores >= full * threads;
  return result;
}

std::string format_storm(const storm_options& options, const storm_result& result) {
  std::string text = fmt::format(
      "presenter-load storm: {} {} in {:.1f} s, {:.0f} a second; {} failed, {} still waited\n",
      result.done,
      options.are_hellos ? "ClientHellos answered"
                         : fmt::format("handshakes ({} resumed)", result.resumed),
      result.seconds, per_second(result), result.failures, result.waiting);
  if (result.done != 0)
    text += fmt::format(
        "  p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  max {:.3f} ms\n",
        milliseconds(result.times.percentile(50)), milliseconds(result.times.percentile(90)),
        milliseconds(result.times.percentile(99)), milliseconds(result.times.max()));
  text += fmt::format("generator\n  {:.2f} cores\n", result.cores);
  if (result.was_generator_the_limit)
    text += "  THE GENERATOR ITSELF WAS THE LIMIT: use another machine, or several\n";
  return text;
}

nlohmann::json make_json_storm(const storm_options& options, const storm_result& result) {
  const auto microseconds = [&](double percent) {
    return milliseconds(result.times.percentile(percent)) * 1e3;
  };
  return {{"mode", "storm"},
          {"kind", options.are_hellos ? "hellos" : "handshakes"},
          {"done", result.done},
          {"resumed", result.resumed},
          {"failures", result.failures},
          {"waiting", result.waiting},
          {"seconds", result.seconds},
          {"per_second", per_second(result)},
          {"times_us",
           {{"p50", microseconds(50)},
            {"p90", microseconds(90)},
            {"p99", microseconds(99)},
            {"max", milliseconds(result.times.max()) * 1e3}}},
          {"generator_cores", result.cores},
          {"generator_was_the_limit", result.was_generator_the_limit}};
}

}  // namespace presenter::bench
