#include "gateway/upgrade/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "gateway/upgrade/upgrade_channel.hpp"

namespace presenter::gateway {
namespace {

std::string run(const std::string& script, std::vector<int> inherited) {
  const auto child = spawn({.arguments = {"/bin/sh", "-c", script},
                            .environment = {"NAME=value"},
                            .inherited = std::move(inherited)});
  return child ? wait_for_end(*child) : child.error().message();
}

TEST(Spawn, HandsOverWhatItIsToldAndNothingElse) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  const auto& [one, other] = *ends;
  // One that some library has left open in programs.
  const int left_open = ::open("/dev/null", O_RDONLY);
  const std::string script =
      fmt::format("[ -e /proc/$$/fd/{} ] && ! [ -e /proc/$$/fd/{} ] && ! [ -e /proc/$$/fd/{} ]",
                  one.descriptor(), other.descriptor(), left_open);
  EXPECT_EQ(run(script, {one.descriptor()}), "exit status 0");
  ::close(left_open);
  // It is closed in whatever is started later.
  EXPECT_EQ(run(fmt::format("! [ -e /proc/$$/fd/{} ]", one.descriptor()), {}), "exit status 0");
}

TEST(Spawn, GivesTheProgramItsEnvironmentAndAGroupOfItsOwn) {
  EXPECT_EQ(run("[ $NAME = value ] && [ $(ps -o pgid= $$) = $$ ]", {}), "exit status 0");
}

TEST(Spawn, SaysWhyThereIsNoProgram) {
  for (const auto& [program, why] :
       {std::pair("/none/such", "No such file or directory"),
        std::pair("/etc", "Permission denied"), std::pair("/etc/passwd", "Permission denied")}) {
    const auto child = spawn({.arguments = {program}, .environment = {}, .inherited = {}});
    ASSERT_FALSE(child) << program;
    EXPECT_EQ(child.error().message(), why);
  }
}

TEST(Spawn, SaysThatAFileIsNoProgramOfThisMachine) {
  std::string path = "/tmp/presenter-spawn-XXXXXX";
  const int file = ::mkstemp(path.data());
  ASSERT_EQ(::write(file,
                    "\x7f"
                    "ELF\x02\x01\x01",
                    7),
            7);
  ::fchmod(file, 0700);
  ::close(file);
  const auto child = spawn({.arguments = {path}, .environment = {}, .inherited = {}});
  ::unlink(path.c_str());
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message(), "Exec format error");
}

TEST(Spawn, TellsHowAProcessEnded) {
  EXPECT_EQ(run("exit 3", {}), "exit status 3");
  EXPECT_EQ(run("kill -9 $$", {}), "killed by signal 9");
}

}  // namespace
}  // namespace presenter::gateway
