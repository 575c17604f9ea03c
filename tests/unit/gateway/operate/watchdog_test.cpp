#include "gateway/operate/watchdog.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace presenter::gateway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What systemd would read. An abstract name, of this process alone.
class Watchdog : public testing::Test {
 protected:
  Watchdog() {
    const std::string name = fmt::format("@presenter-watchdog-{}", ::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, std::begin(address.sun_path));
    address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(manager_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Watchdog() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      ::unsetenv(name);
    ::close(manager_);
  }

  std::size_t pings() {
    std::size_t count = 0;
    std::array<char, 64> said{};
    ssize_t size = 0;
    while ((size = ::recv(manager_, said.data(), said.size(), MSG_DONTWAIT)) > 0) {
      EXPECT_EQ(std::string(said.data(), static_cast<std::size_t>(size)), "WATCHDOG=1");
      ++count;
    }
    return count;
  }

  int manager_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  boost::asio::io_context control_;
};

TEST_F(Watchdog, PingsWhileAllAnswer) {
  const watchdog::ask at_once = [](const std::function<void()>& answer) { answer(); };
  watchdog watch(control_, milliseconds(4), {at_once, at_once});
  for (int turns = 0; turns < 3; ++turns)
    control_.run_one();
  EXPECT_GE(pings(), 3U);
}

TEST_F(Watchdog, StopsForOneWorkerThatDoesNotAnswerAndAsksItOnce) {
  std::vector<std::function<void()>> held;
  int answered = 0;
  watchdog watch(control_, milliseconds(4),
                 {[&](const std::function<void()>& answer) {
                    ++answered;
                    answer();
                  },
                  [&](std::function<void()> answer) { held.push_back(std::move(answer)); }});
  pings();
  for (int turns = 0; turns < 3; ++turns)
    control_.run_one();
  EXPECT_EQ(pings(), 0U);
  EXPECT_EQ(held.size(), 1U) << "nothing piles up in its queue";
  EXPECT_EQ(answered, 4);

  held.front()();
  control_.run_one();
  EXPECT_EQ(pings(), 1U);
}

TEST_F(Watchdog, NamesAWorkerThatIsSilentForTheLimitAndNoLonger) {
  std::function<void()> held;
  watchdog watch(control_, milliseconds(4),
                 {[](const std::function<void()>& answer) { answer(); },
                  [&](std::function<void()> answer) { held = std::move(answer); }});
  for (int turns = 0; turns < 3; ++turns)
    control_.run_one();
  EXPECT_THAT(watch.silent(), testing::IsEmpty()) << "it may still come in time";
  control_.run_one();
  EXPECT_THAT(watch.silent(), testing::ElementsAre("worker 1 has not turned its loop for 0.004 s"));
  held();
  EXPECT_THAT(watch.silent(), testing::IsEmpty()) << "at once";
  control_.run_one();
  EXPECT_THAT(watch.silent(), testing::IsEmpty());
}

TEST_F(Watchdog, TellsNobodyWhereNobodyAsks) {
  const watchdog::ask at_once = [](const std::function<void()>& answer) { answer(); };
  {
    watchdog unasked(control_, std::nullopt, {at_once});
    watchdog asked(control_, milliseconds(4), {at_once});
    control_.run_one();
    asked.stop();
    unasked.stop();
    control_.run();
  }
  EXPECT_EQ(pings(), 1U) << "of the one that is asked";
}

TEST_F(Watchdog, AnAnswerMayComeAfterItsEnd) {
  std::function<void()> late;
  {
    watchdog watch(control_, milliseconds(4),
                   {[&](std::function<void()> answer) { late = std::move(answer); }});
    watch.stop();
  }
  late();
}

TEST_F(Watchdog, HasTheLimitThatTheServiceManagerNames) {
  EXPECT_EQ(watchdog_limit(false), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_limit(false), microseconds(30'000'000));
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_limit(false), microseconds(30'000'000));
  for (const char* wrong : {"", "0", "-1", "30s", "99999999999999999999"}) {
    ::setenv("WATCHDOG_USEC", wrong, 1);
    EXPECT_EQ(watchdog_limit(false), std::nullopt) << wrong;
  }
}

TEST_F(Watchdog, OfAnotherProcessIsASuccessorsAlone) {
  ::setenv("WATCHDOG_USEC", "1000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_limit(false), std::nullopt) << "a child of the service";
  EXPECT_EQ(watchdog_limit(true), microseconds(1'000)) << "it has taken the service's place";
}

}  // namespace
}  // namespace presenter::gateway
