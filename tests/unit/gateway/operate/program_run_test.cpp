#include "gateway/operate/program_run.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A process of this id; it may be in the middle of dying.
bool ends(const std::string& pid) {
  const auto process = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0));
  if (process < 0) return errno == ESRCH;
  pollfd wait{.fd = process, .events = POLLIN, .revents = 0};
  const bool has_ended = ::poll(&wait, 1, 20'000) == 1;
  ::close(process);
  return has_ended;
}

// A shell's script as the program. It ends by itself: a limit is only for what hangs.
class ProgramRun : public ::testing::Test {
 protected:
  std::filesystem::path script(const std::string& text) {
    const std::filesystem::path file = folder / "program";
    std::ofstream(file) << "#!/bin/sh\n" << text;
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }

  program_end run(program_order order) {
    std::optional<program_end> end;
    const auto made = std::make_shared<program_run>(
        io, std::move(order), [this](std::string_view line) { lines.emplace_back(line); },
        [&end](const program_end& what) { end = what; });
    made->start();
    EXPECT_FALSE(end) << "not inside start()";
    io.run();
    io.restart();
    return end.value();
  }

  program_end run_script(const std::string& text, milliseconds limit = seconds(30)) {
    return run(
        {.program = script(text), .arguments = {}, .environment = {}, .input = {}, .limit = limit});
  }

  tests::own_folder folder;
  boost::asio::io_context io;
  std::vector<std::string> lines;
};

TEST_F(ProgramRun, GetsItsInputItsArgumentsAndItsEnvironment) {
  ::setenv("PRESENTER_TEST_KEPT", "kept", 1);
  ::setenv("PRESENTER_TEST_OTHER", "old", 1);
  const program_end end = run({.program = script("cat; echo $1 $PRESENTER_TEST_KEPT; "
                                                 "env | grep ^PRESENTER_TEST_OTHER="),
                               .arguments = {"first"},
                               .environment = {"PRESENTER_TEST_OTHER=new"},
                               .input = "one\ntwo\n",
                               .limit = seconds(30)});
  EXPECT_TRUE(end.is_ok()) << end.text(seconds(30));
  EXPECT_THAT(lines, ElementsAre("one", "two", "first kept", "PRESENTER_TEST_OTHER=new"));
}

TEST_F(ProgramRun, TellsItsOutputLineByLineWithTheLastOneUnfinished) {
  const program_end end = run_script("echo out; echo err >&2; echo; printf unfinished");
  EXPECT_TRUE(end.is_ok());
  EXPECT_THAT(lines, ElementsAre("out", "err", "", "unfinished"));
}

TEST_F(ProgramRun, CutsALongLineIntoPieces) {
  run_script("head -c 2500 /dev/zero | tr '\\0' x; echo; echo after");
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines[0], SizeIs(program_run::line_bytes_max));
  EXPECT_THAT(lines[2], SizeIs(2'500 - 2 * program_run::line_bytes_max));
  EXPECT_EQ(lines[3], "after");
}

// More than a pipe holds, by a program that reads none of its input.
TEST_F(ProgramRun, NeedNotReadItsInput) {
  const program_end end = run(
      {.program = script("exit 0"), .input = std::string(1'000'000, 'x'), .limit = seconds(30)});
  EXPECT_TRUE(end.is_ok()) << end.text(seconds(30));
}

TEST_F(ProgramRun, TellsHowItEnded) {
  EXPECT_EQ(run_script("exit 3").text(seconds(1)), "ended with status 3");
  const program_end killed = run_script("kill -9 $$");
  EXPECT_FALSE(killed.is_ok());
  EXPECT_THAT(killed.text(seconds(1)), HasSubstr("signal 9"));
}

TEST_F(ProgramRun, CannotBeRunWithoutAProgram) {
  const program_end missing = run({.program = folder / "missing"});
  EXPECT_FALSE(missing.is_ok());
  EXPECT_THAT(missing.text(seconds(1)), HasSubstr("cannot be run: No such file"));
  std::ofstream(folder / "data") << "text";
  EXPECT_THAT(run({.program = folder / "data"}).text(seconds(1)), HasSubstr("Permission denied"));
}

TEST_F(ProgramRun, IsKilledAtTheLimitWithItsGroup) {
  // The shell's own child would go on for a minute.
  const program_end end = run_script("sleep 60 & echo $!; wait", milliseconds(200));
  EXPECT_TRUE(end.is_timed_out);
  EXPECT_EQ(end.text(milliseconds(200)), "took longer than 0.2 s and was killed");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(ends(lines[0]));
}

TEST_F(ProgramRun, LeavesNothingInTheBackground) {
  const program_end end = run_script("sleep 60 & echo $!");
  EXPECT_TRUE(end.is_ok()) << end.text(seconds(30));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(ends(lines[0]));
}

// A client's socket that a program inherits would stay open as long as the program runs.
TEST_F(ProgramRun, InheritsNoDescriptor) {
  const int open = ::open("/dev/null", O_RDONLY);
  ASSERT_GT(open, 2);
  run_script("ls /proc/self/fd | tr '\\n' ' '");
  ::close(open);
  // 3 is the folder that ls reads.
  EXPECT_THAT(lines, ElementsAre("0 1 2 3 "));
}

// The gateway ignores SIGPIPE; a program that does would write into the void for ever.
TEST_F(ProgramRun, HasTheSignalsOfAFreshProcess) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  run_script("sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status");
  ::signal(SIGPIPE, before);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(std::stoull(lines[0], nullptr, 16) >> (SIGPIPE - 1) & 1, 0);
}

TEST_F(ProgramRun, SaysNoMoreOnceItIsCancelled) {
  std::shared_ptr<program_run> made;
  int said = 0;
  bool is_done = false;
  program_order order{.program = script("echo first; echo second; sleep 60")};
  made = std::make_shared<program_run>(
      io, order,
      [&](std::string_view) {
        ++said;
        made->cancel();
      },
      [&](const program_end&) { is_done = true; });
  made->start();
  io.run();
  EXPECT_EQ(said, 1);
  EXPECT_FALSE(is_done);
}

}  // namespace
}  // namespace presenter::gateway
