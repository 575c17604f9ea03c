#include "base/process/child_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

namespace presenter {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A process of this id; it may be in the middle of dying.
bool ends(const std::string& pid) {
  const auto process = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0));
  if (process < 0) return errno == ESRCH;
  pollfd wait{process, POLLIN, 0};
  const bool has_ended = ::poll(&wait, 1, 20'000) == 1;
  ::close(process);
  return has_ended;
}

class ChildProgram : public testing::Test {
 protected:
  // A script of sh, run to its end.
  child_end run(const std::string& script, std::chrono::milliseconds timeout = 30s) {
    start({{"/bin/sh", "-c", script}, {"NAME=value"}, "first\nsecond\n", timeout});
    io.restart();
    io.run();
    return end.value_or(child_end{});
  }

  void start(child_order order) {
    lines.clear();
    end.reset();
    child = std::make_unique<child_program>(
        io.get_executor(), std::move(order),
        [this](std::string_view line) { lines.emplace_back(line); },
        [this](const child_end& how) { end = how; });
  }

  boost::asio::io_context io{1};
  std::vector<std::string> lines;
  std::optional<child_end> end;
  std::unique_ptr<child_program> child;
};

TEST_F(ChildProgram, IsFedAndListenedTo) {
  EXPECT_TRUE(run("cat; echo error >&2; printf last").is_good());
  EXPECT_THAT(lines, ElementsAre("first", "second", "error", "last"));
  EXPECT_TRUE(run("echo $NAME; env | wc -l").is_good());
  EXPECT_EQ(lines.front(), "value");
}

TEST_F(ChildProgram, SaysHowItEnded) {
  EXPECT_EQ(run("exit 3").to_string(), "exit status 3");
  EXPECT_FALSE(end->is_good());
  EXPECT_EQ(run("kill -9 $$").to_string(), "killed by signal 9");
  start({{"/no/such/program"}, {}, {}, 1s});
  EXPECT_EQ(end, std::nullopt) << "never inside the constructor";
  io.restart();
  io.run();
  EXPECT_EQ(end->to_string(), "No such file or directory");
  start({{"/"}, {}, {}, 1s});
  io.restart();
  io.run();
  EXPECT_EQ(end->to_string(), "Permission denied");
}

TEST_F(ChildProgram, BeginsAsFromAShell) {
  std::signal(SIGUSR1, SIG_IGN);
  const int stray = ::dup(STDERR_FILENO);
  EXPECT_EQ(run("kill -USR1 $$; echo ignored").signal, SIGUSR1);
  EXPECT_TRUE(run("ls /proc/self/fd | wc -l").is_good());
  EXPECT_THAT(lines, ElementsAre(HasSubstr("4"))) << "the standard three, and that of ls";
  EXPECT_TRUE(run("test $(cut -d' ' -f5 /proc/$$/stat) = $$").is_good()) << "its own group";
  ::close(stray);
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_F(ChildProgram, IsEndedWithItsGroupWhenItsTimeIsOver) {
  // Whoever ends by SIGTERM.
  EXPECT_EQ(run("echo begun; tail -f /dev/null", 2s).to_string(), "did not end within its time");
  EXPECT_THAT(lines, ElementsAre("begun"));
  // Whoever does not.
  EXPECT_TRUE(run("trap '' TERM; tail -f /dev/null & wait; wait", 100ms).is_timed_out);
  EXPECT_FALSE(end->is_good());
}

TEST_F(ChildProgram, ItsBackgroundEndsWithIt) {
  EXPECT_TRUE(run("echo begun; tail -f /dev/null & echo $!").is_good());
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_TRUE(ends(lines[1]));
}

TEST_F(ChildProgram, WhatHasASessionOfItsOwnLivesOnAndHoldsNobodyUp) {
  EXPECT_TRUE(run("setsid sh -c 'echo $$; exec tail -f /dev/null' & read line; "
                  "until test \"$(cut -d' ' -f6 /proc/$!/stat)\" = $!; do :; done; echo $!")
                  .is_good());
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(::kill(std::atoi(lines.back().c_str()), SIGKILL), 0) << "it lives on";
}

TEST_F(ChildProgram, ItsOutputIsBounded) {
  EXPECT_TRUE(run("head -c 5000 /dev/zero | tr '\\0' x; echo; echo next").is_good());
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0], std::string(child_program::line_bytes_max, 'x'));
  EXPECT_EQ(lines[1], "next");
  EXPECT_TRUE(
      run("i=0; while [ $i -lt 2000 ]; do printf '%0100d\\n' 1; i=$((i+1)); done").is_good());
  EXPECT_THAT(lines, SizeIs(child_program::output_bytes_max / 100));
}

TEST_F(ChildProgram, NeedNotReadItsInput) {
  start({{"/bin/sh", "-c", "exec <&-; exit 0"}, {}, std::string(1'000'000, 'x'), 30s});
  io.restart();
  io.run();
  EXPECT_TRUE(end && end->is_good());
}

TEST_F(ChildProgram, IsKilledWithItsOwner) {
  start({{"/bin/sh", "-c", "echo $$; tail -f /dev/null"}, {}, {}, 1h});
  io.restart();
  while (lines.empty())
    io.run_one();
  child.reset();
  io.run();
  EXPECT_EQ(end, std::nullopt) << "nobody is told";
  EXPECT_EQ(::kill(std::atoi(lines[0].c_str()), 0), -1) << "it has ended, and was waited for";
}

}  // namespace
}  // namespace presenter
