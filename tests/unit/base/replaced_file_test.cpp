#include "base/replaced_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/own_folder.hpp"

namespace presenter {
namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ReplacedFile, HasTheNewContentAndNothingIsLeftBesideIt) {
  const tests::own_folder folder;
  ASSERT_FALSE(replace_file(folder / "data", "first"));
  ASSERT_FALSE(replace_file(folder / "data", "second\n"));
  EXPECT_EQ(content_of(folder / "data"), "second\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "data.new"));
}

// A gateway's umask is 077, and a name server of another user reads what it writes.
TEST(ReplacedFile, IsForEverybodyWhateverTheUmask) {
  const tests::own_folder folder;
  const mode_t before = ::umask(0077);
  const auto failed = replace_file(folder / "all", "x", file_readers::all);
  const auto private_failed = replace_file(folder / "own", "x");
  ::umask(before);
  ASSERT_FALSE(failed);
  ASSERT_FALSE(private_failed);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder / "all").permissions(), static_cast<perms>(0644));
  EXPECT_EQ(std::filesystem::status(folder / "own").permissions(), static_cast<perms>(0600));
}

TEST(ReplacedFile, StaysAsItWasWhenItCannotBeReplaced) {
  const tests::own_folder folder;
  ASSERT_FALSE(replace_file(folder / "data", "first"));
  // The new file's place is taken by a folder.
  std::filesystem::create_directory(folder / "data.new");
  EXPECT_TRUE(replace_file(folder / "data", "second"));
  EXPECT_EQ(content_of(folder / "data"), "first");
  EXPECT_TRUE(replace_file(folder / "no/such/folder", "x"));
}

}  // namespace
}  // namespace presenter
