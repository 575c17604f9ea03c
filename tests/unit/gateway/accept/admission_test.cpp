#include "gateway/accept/admission.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::address_v4;

class Admission : public ::testing::Test {
 protected:
  Admission() {
    settings.address_unauthenticated_max = 0;
    settings.address_handshakes_per_second = 0;
    settings.address_exempt.clear();
    listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    local = {address_v4::loopback(), 0};
    EXPECT_EQ(::bind(listening, local.data(), static_cast<socklen_t>(local.size())), 0);
    EXPECT_EQ(::listen(listening, 16), 0);
    auto size = static_cast<socklen_t>(local.capacity());
    EXPECT_EQ(::getsockname(listening, local.data(), &size), 0);
    spdlog::set_level(spdlog::level::off);
  }
  ~Admission() override {
    spdlog::set_level(spdlog::level::info);
    if (client >= 0) ::close(client);
    if (accepted >= 0) ::close(accepted);
    ::close(listening);
  }

  void limit() {
    table = std::make_unique<address_limits>(settings, 1);
    admits.emplace(table.get(), metrics);
  }
  // A new connection, from the address that is given.
  std::optional<address_claim> come(const char* address) {
    if (client >= 0) ::close(client);
    if (accepted >= 0) ::close(accepted);
    client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(client, local.data(), static_cast<socklen_t>(local.size())), 0);
    accepted = ::accept(listening, nullptr, nullptr);
    auto claim = admits->admit(accepted, {boost::asio::ip::make_address(address), 4'711}, now);
    if (!claim) {
      EXPECT_EQ(::fcntl(accepted, F_GETFD), -1) << "is closed";
      accepted = -1;
    }
    return claim;
  }
  bool was_reset() const {
    char byte = 0;
    return ::recv(client, &byte, 1, 0) < 0 && errno == ECONNRESET;
  }

  limits_config settings;
  worker_metrics metrics;
  std::unique_ptr<address_limits> table;
  std::optional<admission> admits{std::in_place, nullptr, metrics};
  steady_time now{24h};
  tcp_endpoint local;
  int listening = -1;
  int client = -1;
  int accepted = -1;
};

TEST_F(Admission, LetsEverybodyInWhereThereAreNoLimits) {
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(come("192.0.2.1"));
  EXPECT_GE(::fcntl(accepted, F_GETFD), 0);
}

TEST_F(Admission, RefusesWithAResetAndCountsWhy) {
  settings.address_unauthenticated_max = 1;
  limit();
  auto first = come("192.0.2.1");
  ASSERT_TRUE(first);
  EXPECT_FALSE(come("192.0.2.1"));
  EXPECT_TRUE(was_reset());
  EXPECT_EQ(metrics.clients_refused[refusal::address_unauthenticated].value(), 1U);
  EXPECT_EQ(metrics.clients_refused[refusal::address_rate].value(), 0U);
  EXPECT_TRUE(come("192.0.2.2"));
  first->release();
  EXPECT_TRUE(come("192.0.2.1"));
}

TEST_F(Admission, RefusesThoseWhoComeTooFastUntilTimeHasPassed) {
  settings.address_handshakes_per_second = 10;
  settings.address_handshakes_burst = 1;
  limit();
  EXPECT_TRUE(come("192.0.2.1"));
  EXPECT_FALSE(come("192.0.2.1"));
  EXPECT_TRUE(was_reset());
  EXPECT_EQ(metrics.clients_refused[refusal::address_rate].value(), 1U);
  now += 100ms;
  EXPECT_TRUE(come("192.0.2.1"));
}

}  // namespace
}  // namespace presenter::gateway
