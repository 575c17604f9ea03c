#include "gateway/operate/file_watch.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Each step waits for what it expects; what must not happen is ruled out by a change of another
// file that comes after it.
class FileWatch : public ::testing::Test {
 protected:
  FileWatch() {
    write("a", "one");
    write("b", "one");
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / (name + ".new")) << text;
    fs::rename(folder / (name + ".new"), folder / name);
  }
  void run_until_changes(int count) {
    while (changes < count)
      ASSERT_GT(io.run_one_for(30s), 0U) << "hung";
  }

  boost::asio::io_context io{1};
  tests::own_folder folder;
  int changes = 0;
};

TEST_F(FileWatch, TellsARenameAWriteAndAnExchangedLink) {
  fs::create_directory(folder / "v1");
  fs::create_directory(folder / "v2");
  write("v1/c", "same");
  write("v2/c", "same");
  fs::create_directory_symlink("v1", folder / "data");
  file_watch watch(io, {folder / "a", folder / "data/c"}, 1ms, [&] { ++changes; });
  watch.start();

  write("a", "two");
  run_until_changes(1);
  std::ofstream(folder / "a", std::ios::app) << "more";
  run_until_changes(2);
  fs::create_directory_symlink("v2", folder / "data.new");
  fs::rename(folder / "data.new", folder / "data");
  run_until_changes(3);
  fs::remove(folder / "a");
  run_until_changes(4);
  write("a", "back");
  run_until_changes(5);
  watch.stop();
  io.run();
  EXPECT_EQ(changes, 5);
}

TEST_F(FileWatch, IsQuietAboutWhatWasMarkedSeenAndOtherFiles) {
  file_watch watch(io, {folder / "a"}, 1ms, [&] { ++changes; });
  write("a", "two");
  watch.mark_seen();
  watch.start();
  write("b", "two");
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(io.run_one_for(30s), 1U);
  EXPECT_EQ(changes, 0);
  write("a", "three");
  run_until_changes(1);
}

TEST_F(FileWatch, SeesAChangeBetweenItsConstructionAndItsStart) {
  file_watch watch(io, {folder / "a"}, 1ms, [&] { ++changes; });
  write("a", "two");
  watch.start();
  run_until_changes(1);
}

TEST_F(FileWatch, WatchesOtherFilesFromNowOn) {
  file_watch watch(io, {folder / "a"}, 0ms, [&] { ++changes; });
  watch.start();
  auto seen = file_watch::look_at({folder / "b"});
  write("b", "two");  // while it is being read
  watch.change({folder / "b"}, 1ms, std::move(seen));
  run_until_changes(1);
  write("a", "two");
  write("b", "three");
  run_until_changes(2);
  watch.change({folder / "b"}, 0ms, file_watch::look_at({folder / "b"}));
  write("b", "four");
  io.run();
  EXPECT_EQ(changes, 2);
}

TEST_F(FileWatch, NeverLooksWithoutAnInterval) {
  file_watch watch(io, {folder / "a"}, 0ms, [&] { ++changes; });
  watch.start();
  write("a", "two");
  EXPECT_EQ(io.run(), 0U);
  EXPECT_EQ(changes, 0);
}

}  // namespace
}  // namespace presenter::gateway
