// presenter-storm: handshakes without end against one address; prints JSON.
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "base/standard_output.hpp"
#include "base/uncaught.hpp"
#include "bench/storm/storm.hpp"

namespace {

using namespace presenter::bench;

void print(const storm_counts& counts) {
  fmt::print("{{\"done\": {}, \"resumed\": {}, \"failures\": {}, \"seconds\": {:.3f}}}\n",
             counts.done, counts.resumed, counts.failures, counts.seconds);
}

}  // namespace

// 0 something was answered · 1 nothing was · 2 it could not be run, or its result not be written.
int main(int argc, char** argv) {
  presenter::keep_standard_descriptors();
  presenter::end_at_uncaught_exceptions("presenter-storm", 2);
  // As presenter: the machine's openssl.cnf has no part in the figures.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  const auto finished = [](int status) {
    return presenter::finish_output("presenter-storm", status, 2);
  };
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Handshakes without end"};
  app.require_subcommand(1);
  std::string target;
  double seconds = 5;
  storm_options options;
  const auto add = [&](const char* name, const char* text) {
    CLI::App* const command = app.add_subcommand(name, text);
    command->add_option("--target", target, "HOST:PORT")->required();
    command->add_option("--seconds", seconds)->check(CLI::Range(0.1, 1e6));
    command->add_option("--source-addresses", options.source_addresses)
        ->check(CLI::Range(0, 10'000));
    command->add_option("--at-once", options.at_once)->check(CLI::Range(1, 15'000));
    return command;
  };
  CLI::App* const whole = add("handshakes", "whole TLS 1.3 handshakes, one after another");
  whole->add_flag("--resume", options.resumes, "with the ticket of the one before");
  add("hellos", "ClientHellos that are left when they are answered");
  try {
    app.parse(argc, argv);
    options.target = resolve_gateway(target);
    options.duration = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds));
    const storm_counts counts = whole->parsed() ? run_handshakes(options) : run_hellos(options);
    print(counts);
    return finished(counts.done == 0 ? 1 : 0);
  } catch (const CLI::ParseError& error) {
    return finished(app.exit(error) == 0 ? 0 : 2);
  } catch (const std::exception& error) {
    std::cerr << "presenter-storm: " << error.what() << "\n";
    return 2;
  }
}
