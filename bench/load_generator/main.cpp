// presenter-load: simulated clients for the demo, the tests, the benchmarks and operators.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/standard_output.hpp"
#include "base/uncaught.hpp"
#include "bench/load_generator/command_line.hpp"
#include "bench/load_generator/hdr_log.hpp"
#include "bench/load_generator/load_run.hpp"
#include "bench/load_generator/plot.hpp"
#include "bench/load_generator/report.hpp"

namespace {

using namespace presenter::bench;

// Every client is a descriptor.
void raise_descriptor_limit(std::size_t clients) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr std::size_t others = 64;
  if (limit.rlim_cur < clients + others) {
    throw std::runtime_error(fmt::format(
        "{} clients of a process need more descriptors than the limit of {}: more --processes, or "
        "a higher limit (ulimit -n)",
        clients, limit.rlim_cur));
  }
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Before any thread starts, so that only sigtimedwait takes them.
void block_stop_signals() {
  const sigset_t set = stop_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

bool wait_for_stop_signal(std::chrono::nanoseconds longest) {
  const sigset_t set = stop_signals();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (longest - seconds).count()};
  return ::sigtimedwait(&set, nullptr, &timeout) > 0;
}

class progress_printer {
 public:
  explicit progress_printer(bool is_wanted) : is_wanted_(is_wanted) {}

  void print(const load_progress& now) {
    if (!is_wanted_) return;
    const std::string line = format_progress(now, before_);
    before_ = now;
    // On a terminal the line is written over, and its rest cleared.
    if (is_terminal_) {
      fmt::print(stderr, "\r{}\x1b[K", line);
    } else {
      fmt::print(stderr, "{}\n", line);
    }
    std::fflush(stderr);
    has_line_ = is_terminal_;
  }

  void print(const ramp_result& step) {
    if (!is_wanted_) return;
    end_line();
    fmt::print(stderr, "{}\n", format_step(step));
  }

  void end_line() {
    if (std::exchange(has_line_, false)) fmt::print(stderr, "\n");
  }

 private:
  const bool is_wanted_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool has_line_ = false;
  load_progress before_;
};

void write_file(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::cout << text << std::flush;
    return;
  }
  std::ofstream file(path);
  if (!(file << text << std::flush)) throw std::runtime_error("cannot write " + path);
}

// The text goes to standard error where the JSON takes standard output.
void write_result(const std::string& text, const nlohmann::json& json, const std::string& path) {
  const bool json_on_output = path == "-";
  (json_on_output ? std::cerr : std::cout) << text << std::flush;
  if (path.empty()) return;
  // A server's words may be no UTF-8.
  write_file(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Found out before a run of hours, and not behind it.
void check_writable(const std::string& path) {
  if (path.empty() || path == "-") return;
  if (!std::ofstream(path, std::ios::app)) throw std::runtime_error("cannot write " + path);
}

int run(load_command& line) {
  line.complete();
  check_writable(line.json_file);
  const load_options& options = line.options;
  raise_descriptor_limit(options.clients / options.processes + 1);
  block_stop_signals();
  std::optional<hdr_log> log;
  if (!line.hdr_file.empty())
    log.emplace(line.hdr_file, name_of(options.kind), std::chrono::system_clock::now());

  progress_printer progress(line.shows_progress);
  run_hooks hooks;
  hooks.wait = wait_for_stop_signal;
  hooks.on_progress = [&](const load_progress& now) { progress.print(now); };
  hooks.on_step = [&](const ramp_result& step) { progress.print(step); };
  hooks.on_interval = [&](const run_interval& interval) {
    if (log) log->add(interval.start, interval.length, interval.latency);
  };
  hooks.on_ready = [&] {
    if (options.sends_messages()) return;
    progress.end_line();
    std::cout << "ready " << options.clients << std::endl;
  };
  const load_result result = run_load(options, hooks);
  progress.end_line();
  write_result(format_report(options, result), make_json_report(options, result), line.json_file);
  return result.is_success() ? 0 : 1;
}

int run(storm_command& line) {
  line.complete();
  check_writable(line.json_file);
  raise_descriptor_limit(line.options.at_once);
  block_stop_signals();
  const storm_result result = run_storm(line.options, wait_for_stop_signal);
  write_result(format_storm(line.options, result), make_json_storm(line.options, result),
               line.json_file);
  return result.done == 0 ? 1 : 0;
}

int run(const plot_command& line) {
  std::vector<plotted_run> runs;
  for (const std::string& word : line.results)
    runs.push_back(read_plotted_run(word));
  write_file(line.page, make_plot_page(line.title, runs));
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Simulated clients of Presenter, and of any TLS server that answers"};
  command_line line(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (line.plot != nullptr) return run(*line.plot);
  return line.load != nullptr ? run(*line.load) : run(*line.storm);
}

}  // namespace

// 0 the run was flawless · 1 messages or clients were missing · 2 it could not be run, or its
// result not be written.
int main(int argc, char** argv) {
  presenter::keep_standard_descriptors();
  presenter::end_at_uncaught_exceptions("presenter-load", 2);
  // As presenter: the machine's openssl.cnf has no part in the figures.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  try {
    return presenter::finish_output("presenter-load", parse_and_run(argc, argv), 2);
  } catch (const std::exception& error) {
    std::cerr << "presenter-load: " << error.what() << "\n";
    return 2;
  }
}
