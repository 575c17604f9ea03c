#include "gateway/start.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include "gateway/config_checks.hpp"
#include "gateway/version.hpp"

namespace presenter::gateway {
namespace {

std::string cannot_listen(std::string_view key, const tcp_endpoint& address,
                          const boost::system::error_code& why) {
  const bool is_privileged = why == boost::system::errc::permission_denied;
  return fmt::format("{}: cannot listen on {}: {}{}", key, format_endpoint(address), why.message(),
                     is_privileged ? " (a low port needs CAP_NET_BIND_SERVICE)" : "");
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
  return std::max(1u, std::thread::hardware_concurrency());
}

std::string node_name(const tcp_endpoint& listen) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + ":" + std::to_string(listen.port());
}

std::vector<listening_socket> open_listeners(const config& settings) {
  std::vector<listening_socket> sockets;
  tcp_endpoint address = settings.listen.address;
  const bool is_shared = is_listened_on(address);
  for (std::size_t i = 0; i < worker_count(settings); ++i) {
    auto socket = listening_socket::open(address, settings.listen.backlog, settings.clients,
                                         settings.listen.fast_open);
    if (!socket) throw std::runtime_error(cannot_listen("listen.address", address, socket.error()));
    // With port 0 the first one chooses and the others join it.
    address = socket->local_endpoint();
    sockets.push_back(std::move(*socket));
  }
  if (is_shared)
    spdlog::warn(
        "listen.address: another process listens on {} as well; the kernel divides the clients "
        "between the two",
        format_endpoint(address));
  return sockets;
}

std::unique_ptr<admin_place> open_admin(boost::asio::io_context& control,
                                        const tcp_endpoint& address, admin_content content,
                                        bool may_wait) {
  try {
    return std::make_unique<admin_place>(control, address, std::move(content), may_wait);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(cannot_listen("admin.address", address, error.code()));
  }
}

void tell_capacity(const config& settings, std::size_t clients_max, std::uint64_t descriptors_max) {
  spdlog::info("presenter {}: {} workers, at most {} clients with {} descriptors", version,
               worker_count(settings), clients_max, descriptors_max);
  if (clients_max < settings.limits.clients_max)
    spdlog::warn("limits.clients_max: {} do not fit into {} descriptors (ulimit -n, LimitNOFILE)",
                 settings.limits.clients_max, descriptors_max);
}

void ignore_signals() {
  for (const int signal : {SIGPIPE, SIGUSR1, SIGUSR2})
    std::signal(signal, SIG_IGN);
}

}  // namespace presenter::gateway
