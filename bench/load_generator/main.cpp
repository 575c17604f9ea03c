// presenter-load: simulated clients for the demo, the tests and the benchmarks.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "base/standard_output.hpp"
#include "base/uncaught.hpp"
#include "bench/load_generator/load_run.hpp"
#include "bench/load_generator/message_body.hpp"
#include "bench/load_generator/report.hpp"

namespace {

using namespace presenter::bench;

struct command_line {
  std::vector<std::string> gateways;
  double seconds = 10;
  std::string encoding = "binary";
  bool is_insecure = false;
  std::string json_file;
  std::string keys_file;
  load_options options;
};

void add_common_options(CLI::App& app, command_line& line) {
  load_options& options = line.options;
  app.add_option("--gateway", line.gateways, "HOST:PORT, may be given several times")->required();
  app.add_option("--clients", options.clients)->check(CLI::Range(1, 1'000'000));
  app.add_option("--seconds", line.seconds, "of load, once the clients are served")
      ->check(CLI::Range(0.0, 1e7));
  app.add_option("--encoding", line.encoding)->check(CLI::IsMember({"binary", "compact"}));
  app.add_option("--ca", options.tls.ca_file, "certificates to trust instead of the system's")
      ->check(CLI::ExistingFile);
  app.add_option("--server-name", options.tls.server_name,
                 "SNI and the name in the certificate; else the first gateway's host");
  app.add_flag("--insecure", line.is_insecure, "verify no certificate");
  app.add_flag("--tls12", options.tls.is_tls12, "clients that know nothing newer than TLS 1.2");
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 256));
  app.add_option("--connect-rate", options.connect_rate, "TLS connections per second at the start")
      ->check(CLI::Range(0.1, 1e6));
  app.add_option(
      "--connect-timeout",
      [&options](const CLI::results_t& given) {
        options.connect_deadline = std::chrono::seconds(std::stoul(given.at(0)));
        return true;
      },
      "seconds beyond what the connect rate needs (30)");
  app.add_option("--source-addresses", options.source_addresses,
                 "spread over 127.0.0.1, 127.0.0.2 …; 0 binds to none")
      ->check(CLI::Range(0, 10'000));
  app.add_option("--keys", line.keys_file, "file with a routing key for each client or couple")
      ->check(CLI::ExistingFile);
  app.add_option("--json", line.json_file, "write the summary as JSON; - is standard output");
  app.add_flag("--progress,!--no-progress", options.shows_progress, "a line a second (default)");
}

void add_message_options(CLI::App& app, command_line& line, std::size_t bytes_min) {
  app.add_option("--rate", line.options.rate, "messages per second per client")
      ->check(CLI::Range(0.0, 1e5));
  app.add_option("--message-bytes", line.options.message_bytes)
      ->check(CLI::Range(bytes_min, std::size_t{64} * 1'024));
}

void add_subcommands(CLI::App& app, command_line& line) {
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* text, load_kind kind) {
    CLI::App* const command = app.add_subcommand(name, text);
    add_common_options(*command, line);
    command->callback([&line, kind] { line.options.kind = kind; });
    return command;
  };
  CLI::App* const chat =
      add("chat", "couples that chat; every message is checked", load_kind::chat);
  add_message_options(*chat, line, body_bytes_min);
  CLI::App* const echo = add("echo", "every byte must come back", load_kind::echo);
  add_message_options(*echo, line, 1);
  echo->add_option("--window", line.options.window,
                   "messages in flight per client, instead of a rate")
      ->check(CLI::Range(1, 1'024));
  add("idle", "clients that are served and then hold still", load_kind::idle);
}

std::vector<std::string> read_keys(const command_line& line) {
  std::vector<std::string> keys;
  std::ifstream file(line.keys_file);
  for (std::string key; std::getline(file, key);)
    keys.push_back(key);
  const bool are_couples = line.options.kind == load_kind::chat;
  if (keys.size() < line.options.clients / (are_couples ? 2 : 1))
    throw std::invalid_argument("--keys has fewer keys than there are clients");
  return keys;
}

void complete_options(command_line& line) {
  load_options& options = line.options;
  for (const std::string& text : line.gateways)
    options.gateways.push_back(resolve_gateway(text));
  options.duration = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(line.seconds));
  options.encoding = line.encoding == "compact" ? presenter::protocol::thrift_encoding::compact
                                                : presenter::protocol::thrift_encoding::binary;
  options.tls.verifies = !line.is_insecure;
  if (options.tls.server_name.empty()) options.tls.server_name = options.gateways.front().host;
  if (options.kind == load_kind::chat && options.clients % 2 != 0) {
    throw std::invalid_argument("--clients must be even: they are couples");
  }
  if (!line.keys_file.empty()) options.keys = read_keys(line);
  // Another run against the same chat servers must not meet this one's couples.
  options.run_name = fmt::format("load-{}-{}", std::time(nullptr), ::getpid());
}

// Every client is a descriptor.
void raise_descriptor_limit(std::size_t clients) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr std::size_t others = 64;
  if (limit.rlim_cur < clients + others) {
    throw std::runtime_error(fmt::format("{} clients need more descriptors than the limit of {}",
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

  void end_line() {
    if (std::exchange(has_line_, false)) fmt::print(stderr, "\n");
  }

 private:
  const bool is_wanted_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool has_line_ = false;
  load_progress before_;
};

void write_summary(const command_line& line, const load_result& result) {
  const bool json_on_output = line.json_file == "-";
  (json_on_output ? std::cerr : std::cout) << format_report(line.options, result) << std::flush;
  if (line.json_file.empty()) return;
  const std::string json = make_json_report(line.options, result).dump(2) + "\n";
  if (json_on_output) {
    std::cout << json << std::flush;
    return;
  }
  std::ofstream file(line.json_file);
  if (!(file << json << std::flush)) throw std::runtime_error("cannot write " + line.json_file);
}

int run(command_line& line) {
  complete_options(line);
  raise_descriptor_limit(line.options.clients);
  // Blocked before any thread starts, so that only sigtimedwait takes them.
  const sigset_t set = stop_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);

  progress_printer progress(line.options.shows_progress);
  run_hooks hooks;
  hooks.wait = wait_for_stop_signal;
  hooks.on_progress = [&](const load_progress& now) { progress.print(now); };
  hooks.on_ready = [&] {
    if (line.options.kind != load_kind::idle) return;
    progress.end_line();
    std::cout << "ready " << line.options.clients << std::endl;
  };
  const load_result result = run_load(line.options, hooks);
  progress.end_line();
  write_summary(line, result);
  return result.is_success() ? 0 : 1;
}

int parse_and_run(int argc, char** argv) {
  command_line line;
  CLI::App app{"Simulated clients of Presenter"};
  add_subcommands(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(line);
}

}  // namespace

// 0 the run was flawless · 1 messages or clients were missing · 2 it could not be run, or its
// summary not be written.
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
