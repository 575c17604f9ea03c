#include "bench/load_generator/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "bench/load_generator/first_packet.hpp"
#include "bench/load_generator/message_body.hpp"

namespace presenter::bench {

namespace {

constexpr double longest_seconds = 1e7;

// A run's series has at most so many intervals, unless it is told otherwise.
constexpr double intervals_max = 3'600;

std::chrono::nanoseconds nanoseconds_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(seconds));
}

void add_where(CLI::App& app, load_command& line) {
  load_options& options = line.options;
  app.add_option("--gateway", line.gateways, "HOST:PORT, may be given several times")->required();
  app.add_option("--clients", options.clients, "of all processes")->check(CLI::Range(1, 1'000'000));
  const bool waits = options.kind == load_kind::reconnect;
  app.add_option("--seconds", line.seconds,
                 waits ? "until all must be back" : "of load, once the clients are served")
      ->check(CLI::Range(0.0, longest_seconds));
  app.add_option("--ca", options.tls.ca_file, "certificates to trust instead of the system's")
      ->check(CLI::ExistingFile);
  app.add_option("--server-name", options.tls.server_name,
                 "SNI and the name in the certificate; else the first gateway's host");
  app.add_flag("--insecure", line.is_insecure, "verify no certificate");
  app.add_flag("--tls12", options.tls.is_tls12, "clients that know nothing newer than TLS 1.2");
  app.add_option("--processes", options.processes)->check(CLI::Range(1, 256));
  app.add_option("--threads", options.threads, "of each process")->check(CLI::Range(1, 256));
  app.add_option("--sources,--source-addresses", line.sources,
                 "addresses of this machine to connect from, in turn; a number N: the first N of "
                 "127.0.0.1, 127.0.0.2 …; 0 or none: what the kernel takes");
}

void add_connecting(CLI::App& app, load_command& line) {
  load_options& options = line.options;
  app.add_option("--connect-rate", options.connect_rate, "TLS connections per second at the start")
      ->check(CLI::Range(0.1, 1e6));
  app.add_option("--connect-timeout", line.connect_timeout,
                 "seconds until all are served, beyond what the connect rate needs")
      ->check(CLI::Range(0.0, longest_seconds));
  app.add_option("--answer-timeout", line.answer_timeout,
                 "seconds from a client's connect to the answer to its first packet")
      ->check(CLI::Range(0.001, longest_seconds));
  app.add_option("--drain-timeout", line.drain_timeout,
                 "seconds that what is on its way has at the end")
      ->check(CLI::Range(0.0, longest_seconds));
  app.add_option("--reconnect-pause", line.first_pause,
                 "seconds before a client comes again, on average; doubled up to 5 while it fails")
      ->check(CLI::Range(0.0, 5.0));
  app.add_option("--keys", line.keys_file,
                 "file with a routing key for each client or couple, a line each")
      ->check(CLI::ExistingFile);
  app.add_option("--encoding", line.encoding, "of the demo's packets")
      ->check(CLI::IsMember({"binary", "compact"}));
}

void add_results(CLI::App& app, load_command& line) {
  app.add_option("--json", line.json_file, "write the summary as JSON; - is standard output");
  if (line.options.sends_messages())
    app.add_option("--hdr-log", line.hdr_file, "write the latencies as a log of HdrHistogram");
  app.add_option("--interval", line.interval,
                 "seconds between progress lines and points of the series; 0: 1, or more where "
                 "there would be over 3,600")
      ->check(CLI::Range(0.0, longest_seconds));
  app.add_flag("--progress,!--no-progress", line.shows_progress, "a line each interval (default)");
}

void add_own_protocol(CLI::App& app, load_command& line) {
  app.add_option("--first-packet", line.first_packet,
                 "file with the first packet as it is; a folder: its files in the order of their "
                 "names, a client each, in turn; an empty file: none. Else the demo's")
      ->check(CLI::ExistingPath);
  app.add_option("--first-answer", line.first_answer,
                 "what the first packet is answered with: the same bytes, any bytes, a frame, or "
                 "nothing. Else as --answers, and for clients that only hold: any")
      ->check(CLI::IsMember({"echo", "any", "frame", "none"}));
  if (!line.options.sends_messages()) return;
  app.add_option("--answers", line.answers,
                 "to messages: their own bytes; or a frame each, any bytes behind a length of 4 "
                 "bytes, messages being such frames too")
      ->check(CLI::IsMember({"bytes", "frames"}));
  app.add_option("--message", line.message, "file with a message as it is, its length included")
      ->check(CLI::ExistingFile);
}

void add_messages(CLI::App& app, load_command& line) {
  app.add_option("--rate", line.options.rate, "messages per second per client")
      ->check(CLI::Range(0.0, 1e5));
  app.add_option("--total-rate", line.total_rate,
                 "messages per second of all clients, in place of --rate")
      ->check(CLI::Range(0.0, 1e8));
  app.add_option("--arrivals", line.arrivals, "when messages are due")
      ->check(CLI::IsMember({"even", "poisson"}));
  app.add_option("--activity", line.activity,
                 "how busy clients are, as TIMES:SHARE,…: 10:0.1,0.1:0.9 is a tenth that sends a "
                 "hundred times as much as the others. The sum stays");
  app.add_option("--message-bytes", line.message_bytes, "a length, or LENGTH:SHARE,…");
}

void add_ramp(CLI::App& app, load_command& line) {
  app.add_flag("--ramp", line.is_ramp,
               "raise the rate, from --total-rate or --rate on, until the server does not keep up; "
               "--seconds has no part in it");
  app.add_option("--ramp-factor", line.ramp_factor, "from one rate to the next")
      ->check(CLI::Range(1.01, 10.0));
  app.add_option("--ramp-step", line.ramp_step, "seconds at each rate")
      ->check(CLI::Range(0.1, 3'600.0));
  app.add_option("--ramp-p99", line.ramp_p99_ms,
                 "a p99 of more milliseconds is too slow; 0: four times the best, and 2 ms")
      ->check(CLI::Range(0.0, 1e6));
}

std::vector<std::string> read_keys(const load_command& line) {
  std::vector<std::string> keys;
  std::ifstream file(line.keys_file);
  for (std::string key; std::getline(file, key);)
    keys.push_back(key);
  const bool are_couples = line.options.kind == load_kind::chat;
  if (keys.size() < line.options.clients / (are_couples ? 2 : 1))
    throw std::invalid_argument("--keys has fewer keys than there are clients");
  return keys;
}

first_answer answer_named(const std::string& name) {
  if (name == "any") return first_answer::any;
  if (name == "frame") return first_answer::frame;
  return name == "none" ? first_answer::none : first_answer::echo;
}

load_command defaults_of(load_kind kind, std::size_t clients, double seconds) {
  load_command line;
  line.options.kind = kind;
  line.options.clients = clients;
  line.seconds = seconds;
  return line;
}

}  // namespace

void load_command::complete() {
  complete_gateways();
  complete_packets();
  complete_sizes();
  complete_times();
  options.tls.verifies = !is_insecure;
  options.encoding = encoding == "compact" ? protocol::thrift_encoding::compact
                                           : protocol::thrift_encoding::binary;
  options.is_poisson = arrivals == "poisson";
  if (options.kind == load_kind::chat && options.clients % 2 != 0)
    throw std::invalid_argument("--clients must be even: they are couples");
  if (!keys_file.empty()) options.keys = read_keys(*this);
  // Another run against the same chat servers must not meet this one's couples.
  options.run_name = fmt::format("load-{}-{}", std::time(nullptr), ::getpid());
}

void load_command::complete_gateways() {
  for (const std::string& text : gateways)
    options.gateways.push_back(resolve_gateway(text));
  if (options.tls.server_name.empty()) options.tls.server_name = options.gateways.front().host;
  if (!sources.empty()) options.sources = parse_sources(sources);
}

void load_command::complete_packets() {
  options.has_frames = answers == "frames";
  if (!first_packet.empty()) options.first_packets = read_packets(first_packet);
  if (!message.empty()) {
    const auto packet = read_packets(message).front();
    if (packet.empty() || packet.size() > pattern_run_bytes_max)
      throw std::invalid_argument("--message: from 1 to 65,536 bytes");
    options.pattern = std::make_shared<byte_pattern>(packet);
    options.has_own_message = true;
  }
  const bool only_holds = !options.sends_messages();
  const char* const usual = only_holds ? "any" : options.has_frames ? "frame" : "echo";
  options.answer = answer_named(first_answer.empty() ? usual : first_answer);
  if (only_holds && options.answer != first_answer::none) options.answer = first_answer::any;
}

void load_command::complete_sizes() {
  options.message_bytes = weighted_choice(message_bytes);
  options.activity = weighted_choice(activity);
  if (options.activity.mean() <= 0) throw std::invalid_argument("--activity: nobody sends");
  const std::size_t least = options.kind == load_kind::chat ? body_bytes_min
                            : options.has_frames            ? 4
                                                            : 1;
  if (options.message_bytes.least() < static_cast<double>(least) ||
      options.message_bytes.greatest() > static_cast<double>(pattern_run_bytes_max))
    throw std::invalid_argument(
        fmt::format("--message-bytes: from {} to {}", least, pattern_run_bytes_max));
}

void load_command::complete_times() {
  options.duration = nanoseconds_of(seconds);
  options.connect_deadline = nanoseconds_of(connect_timeout);
  options.answer_deadline = nanoseconds_of(answer_timeout);
  options.drain_deadline = nanoseconds_of(drain_timeout);
  options.first_pause = nanoseconds_of(first_pause);
  options.stay = nanoseconds_of(stay);
  const double shortest = std::max(1.0, std::ceil(seconds / intervals_max));
  options.interval = nanoseconds_of(interval > 0 ? interval : shortest);
  if (total_rate > 0) options.rate = total_rate / static_cast<double>(options.clients);
  if (!is_ramp) return;
  if (options.rate <= 0 || options.window != 0)
    throw std::invalid_argument("--ramp needs a rate to begin with, and no --window");
  options.ramp = ramp_options{.factor = ramp_factor,
                              .step = nanoseconds_of(ramp_step),
                              .p99_max = nanoseconds_of(ramp_p99_ms / 1'000)};
}

void storm_command::complete() {
  options.target = resolve_gateway(gateway);
  options.duration = nanoseconds_of(seconds);
  if (!sources.empty()) options.sources = parse_sources(sources);
}

load_command& command_line::add_mode(CLI::App& app, const char* name, const char* text,
                                     load_command defaults) {
  load_command& line = modes_.emplace_back(std::move(defaults));
  CLI::App* const mode = app.add_subcommand(name, text);
  mode->callback([this, &line] { load = &line; });
  add_where(*mode, line);
  add_connecting(*mode, line);
  if (line.options.kind != load_kind::chat) add_own_protocol(*mode, line);
  if (line.options.kind == load_kind::flood) {
    mode->add_option("--message-bytes", line.message_bytes, "a length, or LENGTH:SHARE,…");
  } else if (line.options.sends_messages()) {
    add_messages(*mode, line);
  }
  if (line.options.kind == load_kind::echo) add_ramp(*mode, line);
  if (line.options.kind == load_kind::echo || line.options.kind == load_kind::flood)
    mode->add_option("--window", line.options.window,
                     "messages in flight per client, a closed loop; 0: as the rate has it")
        ->check(CLI::Range(0, 1'024));
  if (line.options.kind == load_kind::echo || line.options.kind == load_kind::soak)
    mode->add_option("--stay", line.stay,
                     "seconds, on average, until a client leaves and comes again; 0: it stays")
        ->check(CLI::Range(0.0, longest_seconds));
  if (line.options.kind == load_kind::reconnect) {
    mode->add_option("--losses", line.options.losses, "how often all lose their server")
        ->check(CLI::Range(1, 1'000));
    mode->add_flag("--by-hand", line.options.loses_by_hand,
                   "close no connection: somebody else takes the server away");
  }
  add_results(*mode, line);
  return line;
}

void command_line::add_storm(CLI::App& app) {
  CLI::App* const mode = app.add_subcommand("storm", "TLS handshakes without end");
  mode->callback([this] { storm = &storm_; });
  mode->add_option("--gateway,--target", storm_.gateway, "HOST:PORT")->required();
  mode->add_option("--seconds", storm_.seconds)->check(CLI::Range(0.1, 1e6));
  mode->add_option("--server-name", storm_.options.server_name, "SNI; else none");
  mode->add_flag("--hellos", storm_.options.are_hellos,
                 "ClientHellos that are left when they are answered, in place of whole ones");
  mode->add_flag("--resume", storm_.options.resumes, "with the ticket of the one before");
  mode->add_option("--at-once", storm_.options.at_once, "threads, or with --hellos open sockets")
      ->check(CLI::Range(1, 15'000));
  mode->add_option("--sources,--source-addresses", storm_.sources, "as those of the other modes");
  mode->add_option("--json", storm_.json_file, "write the result as JSON; - is standard output");
}

void command_line::add_plot(CLI::App& app) {
  CLI::App* const mode = app.add_subcommand("plot", "one HTML page that compares results");
  mode->callback([this] { plot = &plot_; });
  mode->add_option("RESULT", plot_.results, "a file of --json, or NAME=FILE")->required();
  mode->add_option("-o,--output", plot_.page, "the page to write; - is standard output")
      ->required();
  mode->add_option("--title", plot_.title);
}

command_line::command_line(CLI::App& app) {
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  const load_command hold = defaults_of(load_kind::hold, 1'000, 10);
  add_mode(app, "hold", "clients that are served and then hold still", hold);
  add_mode(app, "idle", "the same as hold", hold);
  add_storm(app);
  load_command flood = defaults_of(load_kind::flood, 100, 10);
  flood.message_bytes = "16384";
  flood.options.window = 4;
  add_mode(app, "flood", "as many bytes as go through, there and back", flood);
  add_mode(app, "echo", "every message must be answered", defaults_of(load_kind::echo, 1'000, 10));
  add_mode(app, "chat", "couples that chat; every message is checked",
           defaults_of(load_kind::chat, 1'000, 10));
  add_mode(app, "reconnect", "all clients lose their server at once, and come again",
           defaults_of(load_kind::reconnect, 1'000, 60));
  load_command soak = defaults_of(load_kind::soak, 1'000, 3'600);
  soak.message_bytes = "64:0.6,512:0.3,4096:0.09,32768:0.01";
  soak.activity = "10:0.1,0.1:0.9";
  soak.arrivals = "poisson";
  soak.stay = 60;
  add_mode(app, "soak", "for long: sizes and activity differ, clients come and go", soak);
  add_plot(app);
}

}  // namespace presenter::bench
