#include "gateway/operate/log_output.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace presenter::gateway {
namespace {

// Two ends, closed with the test.
struct two_ends {
  ~two_ends() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  // False: nothing comes any more.
  bool read_some(std::string& into) {
    pollfd wanted{ends[0], POLLIN, 0};
    std::array<char, 65'536> some{};
    if (::poll(&wanted, 1, 5'000) != 1) return false;
    const ssize_t n = ::read(ends[0], some.data(), some.size());
    if (n > 0) into.append(some.data(), static_cast<std::size_t>(n));
    return n > 0;
  }
  std::array<int, 2> ends{-1, -1};
};

const std::string sample_line = std::string(997, 'x') + "\n";

constexpr std::size_t lines_max = 1'000'000;

// Until it takes no more; how many it took.
std::size_t fill(log_output& output) {
  std::size_t taken = 0;
  while (taken < lines_max && output.write(sample_line))
    ++taken;
  return taken;
}

// Every line that was taken comes out whole, those that were not have left no trace.
// `hands_on`: the kernel moves what it was given in a thread of its own, and may have room again.
void expect_no_wait(two_ends& both, bool hands_on = false) {
  log_output output(both.ends[1]);
  std::size_t taken = fill(output);
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, lines_max);
  if (hands_on)
    taken += fill(output);
  else
    EXPECT_FALSE(output.write(sample_line));
  std::string expected;
  for (std::size_t i = 0; i < taken; ++i)
    expected += sample_line;
  expected += "again\n";
  std::string all;
  bool is_taken = false;
  while (all.size() < expected.size() && both.read_some(all))
    is_taken = is_taken || output.write("again\n");
  EXPECT_EQ(all, expected);
  EXPECT_EQ(::fcntl(both.ends[1], F_GETFL) & O_NONBLOCK, 0) << "it is not ours alone";
}

TEST(LogOutput, WaitsForNoReaderOfAPipe) {
  two_ends pipe;
  ASSERT_EQ(::pipe(pipe.ends.data()), 0);
  expect_no_wait(pipe);
}

TEST(LogOutput, WaitsForNoReaderOfASocket) {
  two_ends pair;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.ends.data()), 0);
  expect_no_wait(pair);
}

// It takes a part of a line, and says before that it has room.
TEST(LogOutput, WaitsForNoReaderOfATerminal) {
  two_ends terminal;
  ASSERT_EQ(::openpty(&terminal.ends[0], &terminal.ends[1], nullptr, nullptr, nullptr), 0);
  termios plain{};
  ASSERT_EQ(::tcgetattr(terminal.ends[1], &plain), 0);
  ::cfmakeraw(&plain);
  ASSERT_EQ(::tcsetattr(terminal.ends[1], TCSANOW, &plain), 0);
  expect_no_wait(terminal, true);
}

TEST(LogOutput, AFullDiskTakesNothing) {
  const own_descriptor full(::open("/dev/full", O_WRONLY));
  ASSERT_GE(full.get(), 0);
  log_output output(full.get());
  EXPECT_FALSE(output.write("lost\n"));
  EXPECT_FALSE(output.write("lost\n"));
}

// As logrotate's copytruncate does it.
TEST(LogOutput, GoesOnInAFileThatIsCutShort) {
  std::string name = testing::TempDir() + "log_output.XXXXXX";
  const own_descriptor made(::mkstemp(name.data()));
  const own_descriptor file(::open(name.c_str(), O_WRONLY | O_APPEND));
  ASSERT_GE(file.get(), 0);
  log_output output(file.get());
  EXPECT_TRUE(output.write("before\n"));
  ASSERT_EQ(::truncate(name.c_str(), 0), 0);
  EXPECT_TRUE(output.write("after\n"));
  std::array<char, 64> found{};
  EXPECT_EQ(std::string(found.data(),
                        static_cast<std::size_t>(::read(made.get(), found.data(), found.size()))),
            "after\n");
  ::unlink(name.c_str());
}

TEST(LogOutput, KnowsTheJournalByItsStream) {
  two_ends pipe;
  ASSERT_EQ(::pipe(pipe.ends.data()), 0);
  struct stat found {};
  ASSERT_EQ(::fstat(pipe.ends[1], &found), 0);
  const std::string stream = std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  EXPECT_TRUE(is_journal(pipe.ends[1], stream.c_str()));
  EXPECT_FALSE(is_journal(pipe.ends[1], (stream + "1").c_str())) << "redirected since";
  EXPECT_FALSE(is_journal(pipe.ends[1], "nonsense"));
  EXPECT_FALSE(is_journal(pipe.ends[1], nullptr));
}

}  // namespace
}  // namespace presenter::gateway
