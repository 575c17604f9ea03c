// presenter-chatd: the demo chat server on the backend SDK.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/log_handler.hpp"
#include "base/standard_output.hpp"
#include "base/uncaught.hpp"
#include "bench/chat_backend/chat_server.hpp"
#include "bench/chat_backend/counters_text.hpp"
#include "protocol/backend_sdk/backend.hpp"
#include "protocol/backend_sdk/departure.hpp"
#include "shard_router/host.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace presenter::chat_backend;
namespace shard_router = presenter::shard_router;

struct command_line {
  std::string listen;
  std::string advertise;
  std::string zookeeper;
  std::string zookeeper_auth_file;
  int weight = 100;
  double drain_seconds = 5;
  double empty_seconds = 300;
  double ping_seconds = 5;
  double dead_seconds = 20;
  double settle_seconds = 0.7;
  double move_seconds = 300;
  double mass_drop_seconds = 30;
  std::string saved_map;
  CLI::Option* hand_over = nullptr;
  chat_server_options options;
};

void add_options(CLI::App& app, command_line& line) {
  app.add_option("--name", line.options.name, "of this chat server, on the ring and in answers")
      ->required();
  app.add_option("--listen", line.listen, "ADDRESS:PORT for the gateways' links; port 0: any free")
      ->required();
  app.add_option("--zookeeper", line.zookeeper, "HOST:PORT,…/chroot to register with");
  app.add_option("--zookeeper-auth-file", line.zookeeper_auth_file,
                 "one line user:password: who owns our entry");
  app.add_option("--weight", line.weight, "share of the ring")->check(CLI::Range(1, 1'000));
  app.add_option("--advertise", line.advertise, "host to register; else the address of --listen");
  app.add_option("--drain-seconds", line.drain_seconds, "for streams to end after SIGTERM")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--empty-seconds", line.empty_seconds,
                 "for gateways to move its streams away, once it says in the map that it drains")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--ping-seconds", line.ping_seconds, "of a link's silence before it is pinged")
      ->check(CLI::Range(0.01, 1e6));
  app.add_option("--dead-seconds", line.dead_seconds, "of a link's silence before it is given up")
      ->check(CLI::Range(0.01, 1e6));
  app.add_option("--settle-seconds", line.settle_seconds,
                 "that a shard must have been this server's before it is served")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--move-seconds", line.move_seconds,
                 "until streams whose shard is another server's are ended by this side")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--mass-drop-seconds", line.mass_drop_seconds,
                 "for which a map without most of the fleet is not believed")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--saved-map", line.saved_map, "file for the last shard map, over restarts");
  app.add_flag("--early-data", line.options.takes_early_data,
               "take streams that begin with TLS early data");
  app.add_option("--histories", line.options.histories,
                 "folder that all chat servers see, for what couples say; else in memory");
  line.hand_over = app.add_flag(
      "--hand-over,!--no-hand-over", line.options.hands_over,
      "streams go to other chat servers unseen by their clients; default with --histories");
  app.add_flag("--echo", line.options.is_echo, "send every byte back instead");
}

// What goes together. Throws std::invalid_argument.
void complete(command_line& line) {
  chat_server_options& options = line.options;
  if (options.is_echo && !options.histories.empty())
    throw std::invalid_argument("--histories is of no use to --echo");
  if (line.hand_over->count() == 0) options.hands_over = !options.histories.empty();
  if (options.hands_over && !options.is_echo && options.histories.empty())
    throw std::invalid_argument(
        "--hand-over needs --histories: a couple's messages must be where the next server finds "
        "them");
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1'000));
}

tcp::endpoint parse_endpoint(const std::string& text) {
  const auto parsed = shard_router::parse_host_port(text);
  boost::system::error_code failed = asio::error::invalid_argument;
  const auto address = parsed ? asio::ip::make_address(parsed->host, failed) : asio::ip::address();
  if (failed) throw std::invalid_argument("--listen: not ADDRESS:PORT or [IPV6]:PORT: " + text);
  return {address, parsed->port};
}

std::string text_of(const tcp::endpoint& endpoint) {
  return shard_router::format_host_port(endpoint.address().to_string(), endpoint.port());
}

// What the gateways are told. Throws before anything listens.
std::string advertised(const command_line& line) {
  const bool is_given = !line.advertise.empty();
  std::string host = is_given ? line.advertise : line.options.listen.address().to_string();
  const auto mistake = shard_router::check_host(host);
  if (!mistake) return host;
  if (is_given) throw std::invalid_argument("--advertise: " + mistake.message());
  throw std::invalid_argument("--advertise is needed, the gateways cannot connect to " + host);
}

presenter::protocol::backend_options member_options(const command_line& line) {
  presenter::protocol::backend_options options;
  options.zookeeper = line.zookeeper;
  options.identity_file = line.zookeeper_auth_file;
  options.self.name = line.options.name;
  options.self.weight = line.weight;
  options.settle = milliseconds_of(line.settle_seconds);
  options.saved_map = line.saved_map;
  options.mass_drop_hold = milliseconds_of(line.mass_drop_seconds);
  return options;
}

// What the SDK says, to where the gateways' logs go as well.
void write_log(presenter::log_level, std::string_view text) {
  fmt::print(stderr, "presenter-chatd: {}\n", text);
}

void run(command_line& line) {
  complete(line);
  line.options.listen = parse_endpoint(line.listen);
  line.options.ping_interval = milliseconds_of(line.ping_seconds);
  line.options.dead_after = milliseconds_of(line.dead_seconds);
  line.options.move_after = milliseconds_of(line.move_seconds);
  asio::io_context io{1};
  // Before it registers: a signal from here on waits for its turn, and the entry is taken out.
  asio::signal_set signals(io, SIGTERM, SIGINT);
  std::optional<presenter::protocol::backend> member;
  std::string host;
  if (!line.zookeeper.empty()) {
    host = advertised(line);
    member.emplace(io, member_options(line));
    line.options.fence = member->fence();
  }
  std::optional<chat_server> listening;
  try {
    listening.emplace(io, line.options);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen on " + line.listen + ": " + error.code().message());
  }
  chat_server& server = *listening;
  server.start_accepting();
  if (member) member->start(server.acceptor(), host, server.local_endpoint().port());

  presenter::protocol::departure going(io, {&server.acceptor()}, member ? &*member : nullptr,
                                       {.empty_timeout = milliseconds_of(line.empty_seconds),
                                        .drain_deadline = milliseconds_of(line.drain_seconds)},
                                       [&io] { io.stop(); });
  if (member) member->on_ordered([&going](auto state) { going.on_ordered(state); });
  signals.async_wait([&going](const boost::system::error_code& failed, int) {
    if (!failed) going.start();
  });
  fmt::print("presenter-chatd {} listening on {}\n", line.options.name,
             text_of(server.local_endpoint()));
  // Gateways do not read it: they are served all the same.
  if (!presenter::flush_output())
    fmt::print(stderr, "presenter-chatd: standard output does not take the line of a start\n");
  io.run();
  fmt::print("presenter-chatd {} has counted {}\n", line.options.name,
             text_of(server.counters(), server.acceptor().counters(),
                     member ? &member->counters() : nullptr));
}

}  // namespace

// 0 drained after SIGTERM, SIGINT or an order in the map · 1 it could not listen or register, a
// fault of the program ended it, or what it says at its end could not be written · 2 wrong
// arguments.
int main(int argc, char** argv) {
  presenter::keep_standard_descriptors();
  presenter::end_at_uncaught_exceptions("presenter-chatd", 1);
  // There is no file that it could read again, nor a terminal that it belongs to.
  std::signal(SIGHUP, SIG_IGN);
  const auto finished = [](int status) {
    return presenter::finish_output("presenter-chatd", status, 1);
  };
  presenter::set_log_handler(write_log);
  command_line line;
  try {
    CLI::App app{"The demo chat server behind Presenter"};
    add_options(app, line);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return finished(app.exit(error) == 0 ? 0 : 2);
    }
    run(line);
    return finished(0);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "presenter-chatd {}: {}\n", line.options.name, error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "presenter-chatd {}: {}\n", line.options.name, error.what());
    return 1;
  }
}
