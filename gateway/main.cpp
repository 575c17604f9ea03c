// presenter: the gateway. `presenter --config FILE` serves, `--check` only validates.
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/standard_output.hpp"
#include "gateway/config/config.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/control/file_checks.hpp"
#include "gateway/control/server.hpp"
#include "gateway/control/start.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/guarded_run.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/openssl_memory.hpp"
#include "gateway/operate/service_manager.hpp"

namespace {

namespace gateway = presenter::gateway;

constexpr const char* program_name = "presenter";

constexpr int exit_mistake = 1;
constexpr int exit_usage = 2;

constexpr const char* footer =
    "Signals: SIGTERM, SIGINT end it, a second one at once; with [drain] the first SIGTERM "
    "drains.\n"
    "SIGHUP reads the files of [tls] again.\n"
    "Exit status: 0 ended by a signal, or the configuration is good; 1 a mistake in the\n"
    "configuration, the start failed, standard output cannot be written, or a fault of the "
    "program\n"
    "ended it; 2 wrong arguments.";

// Prints every mistake of the configuration and of the files it names. True: there is none.
bool report_mistakes(gateway::config_result& loaded) {
  const auto in_map = gateway::check_files(loaded);
  for (const auto& mistake : loaded.errors)
    fmt::print(stderr, "{}\n", mistake.to_string());
  for (const auto& mistake : in_map)
    fmt::print(stderr, "{}\n", mistake);
  return loaded.errors.empty() && in_map.empty();
}

// Somebody has set it on purpose.
constexpr const char* openssl_conf_unread =
    "OPENSSL_CONF is set, and not read: all that TLS does stands in [tls]";

int serve(const gateway::config& settings) {
  gateway::init_logging(settings.log.level);
  if (std::getenv("OPENSSL_CONF") != nullptr) spdlog::warn(openssl_conf_unread);
  try {
    gateway::server server(settings);
    server.start();
    const auto admin = server.admin_endpoint();
    fmt::print("presenter ready: listening on {}, admin on {}\n",
               gateway::format_endpoint(server.listen_endpoint()),
               admin ? gateway::format_endpoint(*admin) : "none");
    // Clients do not read it: they are served all the same.
    if (!presenter::flush_output())
      spdlog::warn("standard output does not take the line of a start");
    gateway::notify_service_manager("READY=1");
    if (server.run()) return 0;
    spdlog::critical("ended because a thread has failed");
    // What a failure left half done is not taken apart: that could fail as well, or never end.
    std::_Exit(exit_mistake);
  } catch (const std::exception& error) {
    spdlog::critical("{}", error.what());
    return exit_mistake;
  }
}

}  // namespace

int main(int argc, char** argv) {
  gateway::prepare_signals();
  gateway::end_at_uncaught_exceptions();
  presenter::keep_standard_descriptors();
  CLI::App app{"Presenter: a TLS gateway between chat clients and sharded chat servers",
               program_name};
  app.footer(footer);
  std::string file;
  bool check_only = false;
  app.add_option("--config", file, "the configuration, TOML")->required()->type_name("FILE");
  app.add_flag("--check", check_only, "tell every mistake of the configuration, and serve nobody");
  app.set_version_flag("--version", std::string("presenter ") + gateway::version);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return presenter::finish_output(program_name, app.exit(wanted), exit_mistake);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "presenter: {}; see presenter --help\n", error.what());
    return exit_usage;
  }

  gateway::manage_openssl_memory();
  // What is served stands in one file. openssl.cnf could take away versions, suites and signatures,
  // and no check of ours would say so.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  auto loaded = gateway::load_config(file);
  if (!report_mistakes(loaded)) return exit_mistake;
  if (check_only) {
    // At a start the log tells them.
    for (const auto& warning : loaded.warnings)
      fmt::print(stderr, "{} (warning)\n", warning.to_string());
    if (std::getenv("OPENSSL_CONF") != nullptr)
      fmt::print(stderr, "{} (warning)\n", openssl_conf_unread);
    fmt::print("{}: ok\n", file);
    return presenter::finish_output(program_name, 0, exit_mistake);
  }
  return serve(loaded.value);
}
