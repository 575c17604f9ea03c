// presenter: the gateway. `presenter --config FILE` serves, `--check` only validates. Invited by a
// gateway that runs, it takes that one's place: gateway/upgrade/README.md.
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/standard_output.hpp"
#include "gateway/config/config.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/config/config_help.hpp"
#include "gateway/control/file_checks.hpp"
#include "gateway/control/launch.hpp"
#include "gateway/control/server.hpp"
#include "gateway/control/start.hpp"
#include "gateway/control/takeover_checks.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/guarded_run.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/notable_events.hpp"
#include "gateway/operate/openssl_memory.hpp"
#include "gateway/operate/service_manager.hpp"
#include "gateway/upgrade/empty_parent.hpp"

namespace {

namespace gateway = presenter::gateway;

constexpr const char* program_name = "presenter";

constexpr int exit_mistake = 1;
constexpr int exit_usage = 2;

constexpr const char* footer =
    "Signals: SIGTERM, SIGINT end it, a second one at once; with [drain] the first SIGTERM "
    "drains.\n"
    "SIGHUP reads the configuration and its files again; SIGUSR2 begins this program anew in the "
    "place of the\n"
    "process, with its clients.\n"
    "Exit status: 0 ended by a signal, or the configuration is good; 1 a mistake in the\n"
    "configuration, the start failed, standard output cannot be written, or a fault of the "
    "program\n"
    "ended it; 2 wrong arguments.";

// Prints every mistake of the configuration and of the files it names. True: there is none.
bool report_mistakes(gateway::config_result& loaded, const gateway::takeover_question& asked) {
  const auto of_takeover = gateway::check_takeover(loaded, asked);
  const auto in_map = gateway::check_files(loaded).in_map;
  for (const auto& mistake : loaded.errors)
    fmt::print(stderr, "{}\n", mistake.to_string());
  for (const auto& mistake : in_map)
    fmt::print(stderr, "{}\n", mistake);
  for (const auto& mistake : of_takeover)
    fmt::print(stderr, "{}\n", mistake);
  return loaded.errors.empty() && in_map.empty() && of_takeover.empty();
}

int tell_keys(const std::string& about, bool as_markdown) {
  std::string mistake;
  const std::optional<std::string> text =
      as_markdown ? gateway::config_markdown() : gateway::config_help(about, mistake);
  if (!text) {
    fmt::print(stderr, "presenter: {}; see presenter --help-config\n", mistake);
    return exit_usage;
  }
  fmt::print("{}", *text);
  return presenter::finish_output(program_name, 0, exit_mistake);
}

// Somebody has set it on purpose.
constexpr const char* openssl_conf_unread =
    "OPENSSL_CONF is set, and not read: all that TLS does stands in [tls]";

int run(gateway::server& server, const std::string& ready) {
  server.start();
  const auto admin = server.admin_endpoint();
  fmt::print("presenter ready: listening on {}, admin on {}\n",
             gateway::format_endpoint(server.listen_endpoint()),
             admin ? gateway::format_endpoint(*admin) : "none");
  // Clients do not read it: they are served all the same.
  if (!presenter::flush_output()) spdlog::warn("standard output does not take the line of a start");
  gateway::notify_service_manager(ready);
  if (server.run()) return 0;
  spdlog::critical("ended because a thread has failed");
  // What a failure left half done is not taken apart: that could fail as well, or never end.
  std::_Exit(exit_mistake);
}

// Those of [tls] are told with its files.
void log_warnings(const gateway::config_result& loaded) {
  for (const auto& warning : loaded.warnings)
    if (!warning.key.starts_with("tls.")) spdlog::warn(warning.to_string());
}

int serve(const gateway::config_result& loaded, const gateway::launch& how) {
  gateway::init_logging(loaded.value.log.level, loaded.value.log.format);
  gateway::keep_notable_events();
  if (std::getenv("OPENSSL_CONF") != nullptr) spdlog::warn(openssl_conf_unread);
  log_warnings(loaded);
  try {
    gateway::server server(loaded, how);
    server.make_threads();
    return run(server, "READY=1");
  } catch (const std::exception& error) {
    spdlog::critical(error.what());
    return exit_mistake;
  }
}

// Without a destructor: what that would close is the other process's.
[[noreturn]] void leave_untouched(const gateway::upgrade_channel& to_other,
                                  const std::string& why) {
  to_other.send("failed: " + why);
  std::_Exit(exit_mistake);
}

int take_place(gateway::config_result loaded, const gateway::launch& how,
               gateway::upgrade_channel channel) {
  gateway::init_logging(loaded.value.log.level, loaded.value.log.format);
  gateway::keep_notable_events();
  log_warnings(loaded);
  std::optional<gateway::server> server;
  try {
    gateway::takeover from = gateway::await_takeover(channel.copy());
    loaded.value.workers.count = from.workers.size();
    server.emplace(loaded, how, std::move(from));
    server->make_threads();
  } catch (const std::exception& error) {
    leave_untouched(channel, error.what());
  }
  channel = gateway::upgrade_channel();
  if (!server->await_handover()) std::_Exit(exit_mistake);
  try {
    // The other process says who is in its place as well, perhaps later.
    return run(*server, fmt::format("MAINPID={}\nREADY=1", ::getpid()));
  } catch (const std::exception& error) {
    spdlog::critical(error.what());
    std::_Exit(exit_mistake);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == gateway::parent_option)
    return gateway::be_empty_parent(gateway::upgrade_channel(std::atoi(argv[2])),
                                    std::atoi(argv[3]));
  gateway::prepare_signals();
  gateway::end_at_uncaught_exceptions();
  presenter::keep_standard_descriptors();
  const gateway::launch how = gateway::launch_of(argc, argv);
  const auto invited = gateway::take_invitation();
  CLI::App app{"Presenter: a TLS gateway between chat clients and sharded chat servers",
               program_name};
  app.footer(footer);
  std::string file;
  bool check_only = false;
  app.add_option("--config", file, "the configuration, TOML")->type_name("FILE");
  app.add_flag("--check", check_only, "tell every mistake of the configuration, and serve nobody");
  std::string about;
  auto* const help =
      app.add_option("--help-config", about,
                     "tell what there is to configure: all keys, those of a section, "
                     "or all about one key")
          ->type_name("KEY")
          ->expected(0, 1);
  bool as_markdown = false;
  app.add_flag("--markdown", as_markdown, "with --help-config: the tables of configuration.md")
      ->needs(help);
  gateway::takeover_question asked;
  app.add_option(
         "--takes-state", asked.state_version,
         "with --check: whether it can take the place of a gateway that hands over a state of "
         "this version")
      ->type_name("VERSION");
  app.add_option("--as", asked.running,
                 "with --takes-state: how that gateway is configured, where it must not differ")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.set_version_flag("--version", std::string("presenter ") + gateway::version);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return presenter::finish_output(program_name, app.exit(wanted), exit_mistake);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "presenter: {}; see presenter --help\n", error.what());
    return exit_usage;
  }
  if (!help->empty()) return tell_keys(about, as_markdown);
  if (file.empty()) {
    fmt::print(stderr, "presenter: --config is required; see presenter --help\n");
    return exit_usage;
  }

  gateway::manage_openssl_memory();
  // What is served stands in one file. openssl.cnf could take away versions, suites and signatures,
  // and no check of ours would say so.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  auto loaded = gateway::load_config(file);
  if (!report_mistakes(loaded, asked)) {
    if (invited)
      leave_untouched(gateway::upgrade_channel(*invited), "the configuration has mistakes");
    return exit_mistake;
  }
  if (check_only) {
    // At a start the log tells them.
    for (const auto& warning : loaded.warnings)
      fmt::print(stderr, "{} (warning)\n", warning.to_string());
    if (std::getenv("OPENSSL_CONF") != nullptr)
      fmt::print(stderr, "{} (warning)\n", openssl_conf_unread);
    fmt::print("{}: ok\n", file);
    return presenter::finish_output(program_name, 0, exit_mistake);
  }
  if (invited) return take_place(std::move(loaded), how, gateway::upgrade_channel(*invited));
  return serve(loaded, how);
}
