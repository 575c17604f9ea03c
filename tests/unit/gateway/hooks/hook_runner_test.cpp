#include "gateway/hooks/hook_runner.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

class HookRunner : public testing::Test {
 protected:
  HookRunner() {
    std::signal(SIGPIPE, SIG_IGN);
    fs::create_directory(folder / "hooks");
    settings.directory = folder / "hooks";
    settings.timeout = 30s;
  }

  // Hooks write what they see into one file.
  void write(const std::string& name, const std::string& script) const {
    const fs::path path = folder / "hooks" / name;
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(path, fs::perms{0755});
  }
  std::string told() const {
    std::ostringstream text;
    text << std::ifstream(folder / "told").rdbuf();
    return text.str();
  }
  std::string tell(const std::string& text) const {
    return "echo " + text + " >> " + (folder / "told").string();
  }

  std::string run(hook_event event) {
    std::optional<std::string> failure;
    runner.run(event, [&failure](const std::string& why) { failure = why; });
    while (!failure)
      io.run_one();
    io.restart();
    return *failure;
  }
  std::uint64_t count(hook_event event, hook_result result) const {
    return runner.facts().runs[static_cast<std::size_t>(event)][static_cast<std::size_t>(result)];
  }

  tests::own_folder folder;
  boost::asio::io_context io{1};
  hooks_config settings;
  hook_runner runner{io, settings, [] {
                       return hook_subject{"gw-1", "192.0.2.1:443", "127.0.0.1:9100", 7};
                     }};
};

TEST_F(HookRunner, RunsThemInOrderAndTellsThemWhatHasHappened) {
  write("20-b", tell("b $PRESENTER_EVENT $1"));
  write("10-a", tell("a $PRESENTER_EVENT $PRESENTER_NAME $PRESENTER_ADDRESS $PRESENTER_ADMIN "
                     "$PRESENTER_CLIENTS $PRESENTER_PID"));
  EXPECT_THAT(run(hook_event::draining), IsEmpty());
  EXPECT_EQ(told(), "a draining gw-1 192.0.2.1:443 127.0.0.1:9100 7 " + std::to_string(::getpid()) +
                        "\nb draining draining\n");
  EXPECT_EQ(count(hook_event::draining, hook_result::done), 2U);
}

TEST_F(HookRunner, AtTheStartAFailureEndsItElseTheOthersGoOn) {
  write("10-a", "exit 3");
  write("20-b", tell("b"));
  EXPECT_EQ(run(hook_event::starting), "10-a exit status 3");
  EXPECT_EQ(told(), "");
  EXPECT_EQ(run(hook_event::ready), "10-a exit status 3");
  EXPECT_EQ(told(), "b\n");
  EXPECT_EQ(count(hook_event::starting, hook_result::failed), 1U);
  EXPECT_EQ(count(hook_event::starting, hook_result::done), 0U);
}

TEST_F(HookRunner, AHookIsEndedWhenItsTimeIsOver) {
  settings.timeout = 100ms;
  write("10-a", "exec tail -f /dev/null");
  EXPECT_EQ(run(hook_event::drained), "10-a did not end within its time");
  EXPECT_EQ(count(hook_event::drained, hook_result::timed_out), 1U);
}

TEST_F(HookRunner, OneEventWaitsForTheOneBefore) {
  write("10-a", tell("$PRESENTER_EVENT"));
  runner.run(hook_event::ready);
  EXPECT_THAT(run(hook_event::draining), IsEmpty());
  EXPECT_EQ(told(), "ready\ndraining\n");
}

TEST_F(HookRunner, WhatCannotBeRunFailsTheEvent) {
  write("10-a", tell("a"));
  fs::permissions(folder / "hooks" / "10-a", fs::perms{0644});
  EXPECT_THAT(run(hook_event::starting), HasSubstr("not executable"));
  settings.directory = folder / "absent";
  EXPECT_THAT(run(hook_event::ready), HasSubstr("there is no folder"));
  settings.directory.reset();
  EXPECT_THAT(run(hook_event::ready), IsEmpty());
}

TEST_F(HookRunner, StoppedItTellsNobody) {
  write("10-a", "exec tail -f /dev/null");
  runner.run(hook_event::ready, [](const std::string&) { FAIL(); });
  io.poll();
  runner.stop();
  io.restart();
  io.run();
}

}  // namespace
}  // namespace presenter::gateway
