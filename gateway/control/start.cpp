#include "gateway/control/start.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include "gateway/config/config_checks.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/cpu_share.hpp"

namespace presenter::gateway {
namespace {

std::string cannot_listen(const tcp_endpoint& address, const listen_failure& failure) {
  const std::string_view option = failure.option;
  const bool is_privileged = failure.why == boost::system::errc::permission_denied;
  return fmt::format("listen.address: cannot listen on {}: {}{}{}{}", format_endpoint(address),
                     option, option.empty() ? "" : ": ", failure.why.message(),
                     is_privileged ? " (a low port needs CAP_NET_BIND_SERVICE)" : "");
}

void tell_refusals(const listening_socket& socket) {
  for (const option_refusal& each : socket.refusals())
    spdlog::warn(fmt::format("{}: the kernel refuses {}: {}; clients are without it", each.key,
                             each.option, each.why.message()));
}

// Names that every machine has.
bool is_anybodys(std::string_view host) {
  return host.empty() || host == "localhost" || host == "localhost.localdomain" || host == "(none)";
}

std::string host_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

// The kernel takes any bytes for a machine's name.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c <= ' ' || c > '~'; }, '-');
  return text;
}

const cpu_share& own_cpu_share() {
  static const cpu_share share = read_cpu_share();
  return share;
}

// Of process 1 of a container the kernel keeps signals away that have no handler.
extern "C" void end_as_process_1(int signal) {
  ::_exit(128 + signal);
}

}  // namespace

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::size_t worker_count(const config& settings) {
  if (settings.workers.count != 0) return settings.workers.count;
  return own_cpu_share().threads();
}

move_paces paces_of(const config& settings) {
  const std::size_t workers = worker_count(settings);
  return {.closes = moves_per_worker(settings.moves, workers),
          .handoffs = static_cast<double>(settings.moves.handoffs_per_second) /
                      static_cast<double>(workers)};
}

duration settle_of(const dns_config& dns) {
  return dns.publisher == dns_publisher_kind::none ? duration{} : dns.ttl;
}

double core_count() {
  const auto cores = static_cast<double>(own_cpu_share().cores);
  return std::min(cores, own_cpu_share().quota.value_or(cores));
}

std::string name_of_gateway(const config& settings, const tcp_endpoint& listen) {
  if (!settings.gateway.name.empty()) return settings.gateway.name;
  return fmt::format("{}:{}", printable(host_name()), listen.port());
}

std::string node_name(const config& settings, const tcp_endpoint& listen) {
  const std::string host = host_name();
  if (settings.gateway.name.empty() && is_anybodys(host))
    spdlog::warn(fmt::format(
        "gateway.name is not set and this machine is called '{}', like others: backends "
        "and presenterctl cannot tell its gateway from theirs",
        host));
  return name_of_gateway(settings, listen);
}

std::vector<listening_socket> open_listeners(const config& settings) {
  std::vector<listening_socket> sockets;
  tcp_endpoint address = settings.listen.address;
  const bool is_shared = is_listened_on(address);
  for (std::size_t i = 0; i < worker_count(settings); ++i) {
    auto socket = listening_socket::open(address, settings.listen.backlog, settings.clients,
                                         settings.listen.fast_open);
    if (!socket) throw std::runtime_error(cannot_listen(address, socket.error()));
    // With port 0 the first one chooses and the others join it.
    address = socket->local_endpoint();
    sockets.push_back(std::move(*socket));
  }
  tell_refusals(sockets.front());
  if (is_shared)
    spdlog::warn(fmt::format(
        "listen.address: another process listens on {} as well; the kernel divides the clients "
        "between the two",
        format_endpoint(address)));
  return sockets;
}

std::vector<listening_socket> adopt_listeners(const std::vector<worker_state>& workers) {
  std::vector<listening_socket> sockets;
  sockets.reserve(workers.size());
  for (const worker_state& each : workers)
    sockets.push_back(listening_socket::adopt(each.listener));
  return sockets;
}

void tell_capacity(const config& settings, std::size_t clients_max, std::uint64_t descriptors_max) {
  spdlog::info(fmt::format("presenter {}: {} workers, at most {} clients with {} descriptors",
                           version, worker_count(settings), clients_max, descriptors_max));
  const cpu_share& share = own_cpu_share();
  if (settings.workers.count == 0 && share.threads() < std::thread::hardware_concurrency())
    spdlog::info(fmt::format(
        "workers.count: {} of the machine's {} cores may be used: {} by affinity, {} by "
        "the control group's quota",
        share.threads(), std::thread::hardware_concurrency(), share.cores,
        share.quota ? fmt::format("{:.2f}", *share.quota) : "all"));
  if (clients_max < settings.limits.clients_max)
    spdlog::warn(fmt::format(
        "limits.clients_max: {} do not fit into {} descriptors (ulimit -n, LimitNOFILE)",
        settings.limits.clients_max, descriptors_max));
}

void prepare_signals() {
  for (const int signal : {SIGPIPE, SIGUSR1, SIGUSR2, SIGHUP})
    std::signal(signal, SIG_IGN);
  let_signals_end();
}

void let_signals_end() {
  if (::getpid() != 1) return;
  for (const int signal : {SIGTERM, SIGINT})
    std::signal(signal, end_as_process_1);
}

}  // namespace presenter::gateway
