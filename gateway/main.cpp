// presenter: the gateway. `presenter --config FILE` serves, `--check` only validates.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "gateway/config.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/openssl_memory.hpp"
#include "gateway/server.hpp"
#include "gateway/version.hpp"
#include "shard_router/map_file.hpp"

namespace {

namespace gateway = presenter::gateway;

std::string text_of(const gateway::tcp_endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address,
                     endpoint.port());
}

// Prints every mistake of the configuration and of the map file it names. True: there is none.
bool report_mistakes(const gateway::config_result& loaded) {
  bool good = true;
  for (const auto& mistake : loaded.errors) {
    fmt::print(stderr, "{}\n", mistake.to_string());
    good = false;
  }
  if (loaded.value.shards.file && std::filesystem::exists(*loaded.value.shards.file)) {
    const auto map = presenter::shard_router::load_map_file(*loaded.value.shards.file);
    for (const auto& mistake : map.errors) {
      fmt::print(stderr, "{}\n", mistake.to_string());
      good = false;
    }
  }
  return good;
}

int serve(const gateway::config& settings) {
  gateway::init_logging(settings.log.level);
  try {
    gateway::server server(settings);
    const auto admin = server.admin_endpoint();
    fmt::print("presenter ready: listening on {}, admin on {}\n", text_of(server.listen_endpoint()),
               admin ? text_of(*admin) : "none");
    std::fflush(stdout);
    server.run();
    return 0;
  } catch (const std::exception& error) {
    spdlog::critical("{}", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Presenter: a TCP multiplexing gateway for chat backends"};
  std::string file;
  bool check_only = false;
  app.add_option("--config", file, "the configuration, TOML")->required();
  app.add_flag("--check", check_only, "validate the configuration and exit");
  app.set_version_flag("--version", std::string("presenter ") + gateway::version);
  CLI11_PARSE(app, argc, argv);

  gateway::manage_openssl_memory();
  const auto loaded = gateway::load_config(file);
  if (!report_mistakes(loaded)) return 1;
  if (check_only) {
    // At a start the log tells them.
    for (const auto& warning : loaded.warnings)
      fmt::print(stderr, "{} (warning)\n", warning.to_string());
    fmt::print("{}: ok\n", file);
    return 0;
  }
  return serve(loaded.value);
}
