#include "gateway/accept/listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <optional>
#include <vector>

#include "tests/support/io_turns.hpp"

namespace presenter::gateway {
namespace {

class Listener : public ::testing::Test {
 protected:
  void start(std::size_t clients_max = 1'000,
             std::size_t watermark = std::numeric_limits<std::size_t>::max()) {
    auto socket = listening_socket::open({listen_on, 0}, 64, options);
    ASSERT_TRUE(socket);
    address = socket->local_endpoint();
    listens.emplace(std::move(*socket), polls, deadlines, metrics,
                    listener::limits{clients_max, [this] { return accepted.size(); },
                                     [] { return false; }, watermark},
                    [this](int descriptor, const tcp_endpoint& peer) {
                      accepted.push_back(descriptor);
                      peers.push_back(peer);
                    });
    listens->start();
    polls.start();
  }

  ~Listener() override {
    listens.reset();
    polls.stop();
    for (const auto& all : {accepted, clients})
      for (const int descriptor : all)
        ::close(descriptor);
  }

  // Into the kernel's queue: that is done when connect returns.
  void connect() {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(client, 0);
    ASSERT_EQ(::connect(client, address.data(), static_cast<socklen_t>(address.size())), 0);
    clients.push_back(client);
  }

  int option(int level, int name) const {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(accepted.at(0), level, name, &value, &size), 0);
    return value;
  }

  void run() { tests::run_until_quiet(io); }

  boost::asio::io_context io{1};
  poller polls{io};
  steady_time now = std::chrono::steady_clock::now();
  deadline_wheel deadlines{now};
  worker_metrics metrics;
  clients_config options;
  boost::asio::ip::address listen_on = boost::asio::ip::address_v4::loopback();
  tcp_endpoint address;
  std::optional<listener> listens;
  std::vector<int> accepted;
  std::vector<int> clients;
  std::vector<tcp_endpoint> peers;
};

TEST_F(Listener, AcceptsEverybodyWithTheOptionsOfAClient) {
  start();
  for (int i = 0; i < 40; ++i)
    connect();
  run();
  ASSERT_EQ(accepted.size(), 40U);
  EXPECT_EQ(peers[0].address(), boost::asio::ip::address_v4::loopback());
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 225);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 30);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 315'000);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 32'768);
  EXPECT_NE(::fcntl(accepted[0], F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted[0], F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Listener, TheOptionsOfAClientAreTheOperators) {
  options.keepalive_idle = std::chrono::seconds(7);
  options.keepalive_interval = std::chrono::milliseconds(1'500);
  options.keepalive_count = 5;
  options.user_timeout = std::chrono::seconds(20);
  options.notsent_lowat_bytes = 4'096;
  start();
  connect();
  run();
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 2) << "whole seconds, rounded up";
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 5);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 4'096);
}

TEST_F(Listener, TheOptionsOfAClientCanBeOff) {
  options.keepalive = false;
  options.user_timeout = {};
  options.notsent_lowat_bytes = 0;
  start();
  connect();
  run();
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
}

TEST_F(Listener, LeavesClientsInTheKernelAboveItsLimitUntilThereIsRoom) {
  start(2);
  for (int i = 0; i < 5; ++i)
    connect();
  run();
  EXPECT_EQ(accepted.size(), 2U);
  EXPECT_EQ(metrics.accept_paused[accept_pause::clients_max].value(), 1);
  listens->resume();
  run();
  EXPECT_EQ(accepted.size(), 2U);
  ::close(accepted.back());
  accepted.pop_back();
  listens->resume();
  listens->resume();
  run();
  EXPECT_EQ(accepted.size(), 2U);
}

TEST_F(Listener, PausesWithoutDescriptorsAndTriesAgain) {
  start();
  connect();
  run();
  ASSERT_EQ(accepted.size(), 1U);
  connect();

  // UBSan needs descriptors to look at a type for the first time: it meets the logger before they
  // are gone, and nothing is written meanwhile.
  spdlog::set_level(spdlog::level::off);
  spdlog::info("not written");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  run();
  EXPECT_EQ(metrics.accept_failures.value(), 1U) << "no spinning";
  deadlines.advance(now + std::chrono::milliseconds(100));
  run();
  EXPECT_EQ(metrics.accept_failures.value(), 1U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  spdlog::set_level(spdlog::level::info);

  EXPECT_EQ(accepted.size(), 1U);
  deadlines.advance(now + std::chrono::seconds(1));
  run();
  EXPECT_EQ(accepted.size(), 2U);
}

TEST_F(Listener, PausesAtTheWatermarkUntilThereAreDescriptorsAgain) {
  const int next = ::dup(0);
  ::close(next);
  // Above the test's own, and below the last of five clients.
  const auto watermark = static_cast<std::size_t>(next) + 8;
  spdlog::set_level(spdlog::level::off);
  start(1'000, watermark);
  for (int i = 0; i < 5; ++i)
    connect();
  run();
  spdlog::set_level(spdlog::level::info);
  const std::size_t before = accepted.size();
  ASSERT_LT(before, 5U);
  ASSERT_GE(before, 1U);
  for (std::size_t i = 0; i < before; ++i)
    EXPECT_EQ(static_cast<std::size_t>(accepted[i]) >= watermark, i + 1 == before) << i;
  EXPECT_EQ(metrics.accept_paused[accept_pause::descriptors].value(), 1);
  EXPECT_EQ(metrics.accept_pauses[accept_pause::descriptors].value(), 1U);
  EXPECT_EQ(metrics.accept_failures.value(), 0U);

  // Clients leave, which is none of its business, and time passes, in which nothing changes.
  listens->resume();
  for (int i = 1; i <= 5; ++i)
    deadlines.advance(now += std::chrono::seconds(1));
  run();
  EXPECT_EQ(accepted.size(), before);
  EXPECT_EQ(metrics.accept_pauses[accept_pause::descriptors].value(), 1U);

  for (const int descriptor : accepted)
    ::close(descriptor);
  accepted.clear();
  deadlines.advance(now += std::chrono::seconds(1));
  EXPECT_EQ(metrics.accept_paused[accept_pause::descriptors].value(), 0);
}

// The kernel may refuse to watch one more: here as it has it already.
TEST_F(Listener, ListensAgainAfterItCouldNotBeWatched) {
  struct : poll_target {
    void on_poll(std::uint32_t) override {}
  } in_the_way;
  auto socket = listening_socket::open({boost::asio::ip::address_v4::loopback(), 0}, 64);
  ASSERT_TRUE(socket);
  address = socket->local_endpoint();
  const int descriptor = socket->descriptor();
  ASSERT_FALSE(polls.add(descriptor, in_the_way, poll_mode::edge_in_out));
  listens.emplace(std::move(*socket), polls, deadlines, metrics,
                  listener::limits{10, [this] { return accepted.size(); }},
                  [this](int client, const tcp_endpoint&) { accepted.push_back(client); });
  spdlog::set_level(spdlog::level::off);
  listens->start();
  deadlines.advance(now += std::chrono::seconds(1));
  spdlog::set_level(spdlog::level::info);
  EXPECT_GE(metrics.accept_failures.value(), 2U);
  EXPECT_EQ(metrics.accept_paused[accept_pause::descriptors].value(), 1);

  polls.remove(descriptor, in_the_way);
  polls.start();
  deadlines.advance(now += std::chrono::seconds(1));
  EXPECT_EQ(metrics.accept_paused[accept_pause::descriptors].value(), 0);
  connect();
  run();
  EXPECT_EQ(accepted.size(), 1U);
}

TEST_F(Listener, StopsForGood) {
  start();
  listens->stop();
  listens->resume();
  run();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_NE(::connect(client, address.data(), static_cast<socklen_t>(address.size())), 0);
  ::close(client);
}

TEST_F(Listener, AClientOfIpv4OnADualStackListenerIsOneOfIpv4) {
  listen_on = boost::asio::ip::address_v6::any();
  start();
  address = {boost::asio::ip::address_v4::loopback(), address.port()};
  connect();
  run();
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].address(), address.address());
  tcp_endpoint own;
  auto size = static_cast<socklen_t>(own.capacity());
  ASSERT_EQ(::getsockname(clients[0], own.data(), &size), 0);
  EXPECT_EQ(peers[0].port(), own.port());
}

}  // namespace
}  // namespace presenter::gateway
