#include "gateway/upgrade/empty_parent.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "gateway/upgrade/spawn.hpp"

namespace presenter::gateway {
namespace {

// A process that becomes an empty parent of one that runs `script`, in which {channel} and {talk}
// are descriptors: its end of the channel, and a way to the test.
struct family {
  explicit family(const std::string& script) {
    auto ends = upgrade_channel::make();
    auto talks = upgrade_channel::make();
    channel = std::move(ends->second);
    talk = std::move(talks->first);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    parent = ::fork();
    if (parent == 0) {
      const int its_talk = talks->second.descriptor();
      const auto main =
          spawn({.arguments = {"/bin/sh", "-c",
                               fmt::format(fmt::runtime(script), fmt::arg("talk", its_talk),
                                           fmt::arg("channel", channel.descriptor()))},
                 .environment = {},
                 .inherited = {channel.descriptor(), its_talk}});
      channel = upgrade_channel();
      ::_exit(be_empty_parent(std::move(ends->first), *main));
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  upgrade_channel channel;
  upgrade_channel talk;
  pid_t parent = -1;
};

TEST(EmptyParent, EndsWithTheStatusOfTheMainProcess) {
  const family one("exit 7");
  EXPECT_EQ(wait_for_end(one.parent), "exit status 7");
  const family other("kill -9 $$");
  EXPECT_EQ(wait_for_end(other.parent), fmt::format("exit status {}", 128 + SIGKILL));
}

TEST(EmptyParent, SaysThatAllElseHasGone) {
  const family one("read line <&{talk}");
  EXPECT_EQ(one.channel.receive(true).message, "gone");
  one.talk.send("\n");
  wait_for_end(one.parent);
}

TEST(EmptyParent, PassesSignalsOn) {
  // A read might begin right after the shell has looked for signals, and last for ever.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    const family one(fmt::format(
        "trap 'exit 9' {}; echo ready >&{{talk}}; while :; do sleep 0.02; done", signal));
    EXPECT_EQ(one.talk.receive(true).message, "ready\n");
    ::kill(one.parent, signal);
    EXPECT_EQ(wait_for_end(one.parent), "exit status 9") << signal;
  }
}

TEST(EmptyParent, FollowsTheMainProcessToItsSuccessor) {
  const family one(
      "read line <&{talk}; (trap 'exit 5' TERM; echo ready >&{talk}; "
      "while :; do sleep 0.02; done) & echo main $! >&{channel}");
  EXPECT_EQ(one.channel.receive(true).message, "gone");
  one.talk.send("\n");
  EXPECT_EQ(one.talk.receive(true).message, "ready\n");
  ::kill(one.parent, SIGTERM);
  EXPECT_EQ(wait_for_end(one.parent), "exit status 5");
}

}  // namespace
}  // namespace presenter::gateway
