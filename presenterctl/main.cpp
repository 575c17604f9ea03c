// presenterctl: what an operator asks and tells a fleet of gateways and backends.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/standard_output.hpp"
#include "base/uncaught.hpp"
#include "base/whole_file.hpp"
#include "presenterctl/backend_state_command.hpp"
#include "presenterctl/client_commands.hpp"
#include "presenterctl/config_commands.hpp"
#include "presenterctl/drain_commands.hpp"
#include "presenterctl/gateway_query.hpp"
#include "presenterctl/rebalance_command.hpp"
#include "presenterctl/reports.hpp"
#include "presenterctl/top_command.hpp"
#include "presenterctl/upgrade_command.hpp"

namespace {

using namespace presenter::ctl;
using presenter::shard_router::backend_state;

constexpr std::size_t token_file_bytes_max = 4'096;

constexpr const char* footer =
    "Exit status: 0 done, 1 the answer is no (no such backend, nobody of this key, too late),\n"
    "2 wrong arguments, 3 a gateway or ZooKeeper cannot be reached, 4 ZooKeeper refuses this\n"
    "identity, or the gateway is on another machine, 5 standard output cannot be written.";

struct command_line {
  gateway_options gateways;
  zookeeper_options zookeeper;
  drain_options drain;
  rebalance_options rebalance;
  clients_options clients;
  close_options close;
  top_options top;
  std::string log_level;
  bool only_set = false;
  upgrade_options upgrade;
  double timeout_seconds = 5;
  bool is_json = false;
  std::string token_file;
  std::string key;
  std::string add;
  std::string remove;
  std::string name;
  bool waits = false;  // until the backend is empty
};

std::string gateway_mistake(const std::string& text) {
  return parse_gateway(text) ? "" : "'" + text + "' is neither HOST:PORT nor unix:PATH";
}

void add_common(CLI::App& command, command_line& line) {
  command.add_flag("--json", line.is_json, "for scripts: JSON instead of tables");
  command.add_option("--timeout", line.timeout_seconds, "seconds for each to answer")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
}

CLI::Option* add_gateways(CLI::App& command, command_line& line) {
  command
      .add_option("--token-file", line.token_file,
                  "file with the token of the gateways' admin.token_file")
      ->check(CLI::ExistingFile);
  return command
      .add_option("--gateway", line.gateways.gateways,
                  "HOST:PORT of a gateway's admin endpoint, or unix:PATH; once for each; without "
                  "it those of PRESENTERCTL_GATEWAY, or of this machine")
      ->check(CLI::Validator(gateway_mistake, "HOST:PORT"));
}

// What presenterctl finds by itself may be more than somebody meant.
std::string mistake_in(const gateway_options& gateways, bool is_order) {
  if (gateways.gateways.empty())
    return "no --gateway is named, and there is no socket in /run/presenter";
  if (is_order && gateways.gateways.size() > 1)
    return fmt::format("there are several gateways here: name one by --gateway: {}",
                       fmt::join(gateways.gateways, ", "));
  for (const std::string& each : gateways.gateways) {
    if (auto mistake = gateway_mistake(each); !mistake.empty()) return mistake;
  }
  return {};
}

// One line, as the gateway has it.
std::string token_in(const std::string& file) {
  const auto read =
      presenter::read_whole_file(file, token_file_bytes_max, presenter::file_kinds::any);
  if (!read) throw std::runtime_error(file + " cannot be read: " + read.error().message());
  std::string token = read->substr(0, read->find('\n'));
  if (token.empty()) throw std::runtime_error(file + " does not hold a token");
  return token;
}

CLI::App* add_report(CLI::App& app, command_line& line, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  add_gateways(*command, line);
  add_common(*command, line);
  return command;
}

CLI::App* add_zookeeper_order(CLI::App& app, command_line& line, const char* name,
                              const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--zookeeper", line.zookeeper.address, "HOST:PORT,…/chroot of the map")
      ->required();
  command
      ->add_option("--zookeeper-auth-file", line.zookeeper.auth_file,
                   "file with one line user:password, if the entries are protected")
      ->check(CLI::ExistingFile);
  add_common(*command, line);
  return command;
}

CLI::App* add_order(CLI::App& app, command_line& line, const char* name, const char* help) {
  CLI::App* command = add_zookeeper_order(app, line, name, help);
  command->add_option("NAME", line.name, "of the backend")->required();
  return command;
}

// `gateway` has commands of its own.
struct gateway_commands {
  CLI::App* status;
  CLI::App* clients;
  CLI::App* client;
  CLI::App* close;
  CLI::App* log_level;
  CLI::App* config;
  CLI::App* reload;
  CLI::App* top;
  CLI::App* drain;
  CLI::App* undrain;
  CLI::App* rebalance;
  CLI::App* upgrade;
};

void add_client_options(const gateway_commands& all, command_line& line) {
  clients_options& wanted = line.clients;
  all.clients->add_option("--key", wanted.key, "those of this routing key");
  all.clients->add_option("--hash", wanted.hash, "those whose key has this hash");
  all.clients->add_option("--address", wanted.address, "from there: 192.0.2.7 or 192.0.2.0/24");
  all.clients->add_option("--backend", wanted.backend, "whose stream this backend has");
  all.clients->add_option("--phase", wanted.phase,
                          "handshake, first_packet, opening, relaying, handing_over, stranded or "
                          "closing");
  all.clients->add_option("--idle", wanted.idle, "silent for 90s, 30m, 2h or longer");
  all.clients->add_option("--bytes", wanted.bytes, "who have moved so many, both ways together");
  all.clients->add_option("--count", wanted.count, "so many of each gateway, or of a page")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  auto* cursor = all.clients->add_option("--cursor", wanted.cursor,
                                         "those behind it, as the list before has said");
  all.clients->add_flag("--all", wanted.is_all, "page after page, to the end")->excludes(cursor);
  all.client->add_option("TAG", line.close.tag, "as in the list and in the logs of both sides")
      ->required();
  auto* whom = all.close->add_option_group("whom");
  whom->add_option("TAG", line.close.tag, "of one client");
  whom->add_option("--key", line.close.key, "all clients of this routing key");
  whom->require_option(1);
  all.log_level->add_option("LEVEL", line.log_level,
                            "debug, info, warning or error, until the process ends; without it: "
                            "says what it is");
}

gateway_commands add_gateway(CLI::App& app, command_line& line) {
  CLI::App* gateway = app.add_subcommand(
      "gateway", "says how gateways and their clients are, takes them out, upgrades them");
  gateway->require_subcommand(1);
  const gateway_commands all{
      add_report(*gateway, line, "status",
                 "how it is, clients left, who still comes, when it will end"),
      add_report(*gateway, line, "clients", "who is connected"),
      add_report(*gateway, line, "client", "one of them"),
      add_report(*gateway, line, "close", "DISCONNECTS a client"),
      add_report(*gateway, line, "log-level", "how loud the log is, and makes it louder"),
      add_report(*gateway, line, "config", "the configuration in force, and where it comes from"),
      add_report(*gateway, line, "reload",
                 "reads the configuration anew: takes all that can change, or nothing"),
      add_report(*gateway, line, "top", "a live view: clients, handshakes, bytes, the busiest"),
      add_report(*gateway, line, "drain",
                 "takes the record out of DNS; ends when nobody is left and nobody comes"),
      add_report(*gateway, line, "undrain", "takes a drain back, until it has ended"),
      add_zookeeper_order(*gateway, line, "rebalance",
                          "DISCONNECTS idle clients of gateways that have more than others"),
      add_report(*gateway, line, "upgrade",
                 "another process takes the gateway's place, with its clients")};
  all.rebalance->add_option("--until", line.rebalance.until, "times the mean that the fullest has")
      ->check(CLI::Range(1.05, 10.0))
      ->capture_default_str();
  all.rebalance
      ->add_option("--per-second", line.rebalance.per_second,
                   "clients of the whole fleet; 0: all of them in ten minutes")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  all.rebalance->add_flag("--stop", line.rebalance.is_stop, "takes the order back");
  all.drain->add_option("--deadline", line.drain.deadline,
                        "close whoever is left evenly, so that all are gone in 90s, 30m, 2h");
  all.drain->add_flag("--wait", line.drain.waits, "until the gateways have ended");
  all.upgrade->add_option("--program", line.upgrade.program,
                          "whole path of the new program; the one it was started by");
  all.upgrade->add_flag("--dry-run", line.upgrade.is_dry_run,
                        "asks the new program and counts clients, and does no more");
  all.upgrade->add_flag("--yes", line.upgrade.is_confirmed,
                        "closes however many clients cannot go along");
  all.config->add_flag("--set", line.only_set, "without what is as by default");
  add_client_options(all, line);
  all.top->add_option("--interval", line.top.interval_seconds, "seconds between two looks")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
  all.top->add_option("--count", line.top.count, "length of the lists")
      ->check(CLI::Range(0, 50))
      ->capture_default_str();
  all.top->add_flag("--once", line.top.is_once,
                    "takes two looks, prints what changed, and ends; so does --json");
  gateway->footer(footer);
  for (CLI::App* each : gateway->get_subcommands({}))
    each->footer(footer);
  return all;
}

int run(int argc, char** argv) {
  command_line line;
  CLI::App app{"Asks and tells a fleet of Presenter gateways and backends", "presenterctl"};
  app.set_version_flag("--version", std::string("presenterctl ") + PRESENTER_VERSION);
  app.footer(footer);
  app.require_subcommand(1);
  CLI::App* shards =
      add_report(app, line, "shards", "backends, streams, shares of the ring, moves, per gateway");
  CLI::App* whois = add_report(app, line, "whois", "owner of a key, and its clients");
  whois->add_option("KEY", line.key, "the routing key")->required();
  CLI::App* what_if = add_report(app, line, "what-if", "what a change of the map would move");
  auto* change = what_if->add_option_group("change");
  change->add_option("--add", line.add, "NAME or NAME:WEIGHT of a backend that joins");
  change->add_option("--remove", line.remove, "NAME of a backend that leaves");
  change->require_option(1);
  CLI::App* drain =
      add_order(app, line, "drain", "no new streams, those it has are moved; it ends when empty");
  auto* waits = drain->add_flag("--wait", line.waits, "until no --gateway has a stream of it left");
  auto* gateways = add_gateways(*drain, line)->needs(waits);
  waits->needs(gateways);
  CLI::App* undrain = add_order(app, line, "undrain", "takes a drain back, until it has ended");
  const gateway_commands gateway = add_gateway(app, line);
  for (CLI::App* each : {shards, whois, what_if, drain, undrain})
    each->footer(footer);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    const bool is_unknown = app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-';
    const std::string mistake =
        is_unknown ? fmt::format("'{}' is no command", argv[1]) : std::string(error.what());
    fmt::print(stderr, "presenterctl: {}; see presenterctl --help\n", mistake);
    return exit_usage;
  }
  const auto timeout =
      std::chrono::milliseconds(static_cast<std::int64_t>(line.timeout_seconds * 1'000));
  line.gateways.timeout = line.zookeeper.timeout = timeout;
  line.gateways.is_json = line.zookeeper.is_json = line.is_json;
  const bool is_of_zookeeper = (*drain && !line.waits) || *undrain || *gateway.rebalance;
  if (!is_of_zookeeper && line.gateways.gateways.empty()) {
    line.gateways.gateways = gateways_here();
    const bool is_order = *gateway.drain || *gateway.undrain || *gateway.upgrade ||
                          *gateway.close || !line.log_level.empty();
    if (const std::string mistake = mistake_in(line.gateways, is_order); !mistake.empty()) {
      fmt::print(stderr, "presenterctl: {}\n", mistake);
      return exit_usage;
    }
  }
  if (!line.token_file.empty()) line.gateways.token = token_in(line.token_file);
  if (*shards) return report_shards(line.gateways);
  if (*whois) return report_whois(line.gateways, line.key);
  if (*what_if && !line.add.empty()) return report_added(line.gateways, line.add);
  if (*what_if) return report_removed(line.gateways, line.remove);
  if (*gateway.status) return report_gateways(line.gateways);
  if (*gateway.clients) return list_clients(line.gateways, line.clients);
  if (*gateway.client) return show_client(line.gateways, line.close.tag);
  if (*gateway.close) return close_clients(line.gateways, line.close);
  if (*gateway.config) return show_configuration(line.gateways, line.only_set);
  if (*gateway.reload) return reload_configuration(line.gateways);
  if (*gateway.log_level) return tell_log_level(line.gateways, line.log_level);
  if (*gateway.top) return show_top(line.gateways, line.top);
  if (*gateway.drain) return drain_gateways(line.gateways, line.drain);
  if (*gateway.undrain) return undrain_gateways(line.gateways);
  if (*gateway.upgrade) return upgrade_gateways(line.gateways, line.upgrade);
  if (*gateway.rebalance) return write_rebalance(line.zookeeper, line.rebalance);
  if (*drain && line.waits) return drain_and_wait(line.zookeeper, line.name, line.gateways);
  return write_backend_state(line.zookeeper, line.name,
                             *drain ? backend_state::draining : backend_state::up);
}

}  // namespace

// See exit_code.hpp.
int main(int argc, char** argv) {
  presenter::keep_standard_descriptors();
  presenter::end_at_uncaught_exceptions("presenterctl", exit_unreachable);
  try {
    const int status = run(argc, argv);
    return presenter::finish_output("presenterctl", status, exit_unwritten);
  } catch (const std::system_error& error) {
    fmt::print(stderr, "presenterctl: {}\n", error.what());
    // A table too long for the buffer of standard output: fmt throws.
    return std::ferror(stdout) != 0 ? exit_unwritten : exit_unreachable;
  } catch (const std::exception& error) {
    fmt::print(stderr, "presenterctl: {}\n", error.what());
    return exit_unreachable;
  }
}
