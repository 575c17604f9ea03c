#include "gateway/upgrade/state_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

using parts = std::vector<std::string>;

// As the other process has it: the same file under a number of its own.
int inherited(int descriptor) {
  return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

std::string bytes_of(const state_file& file) {
  std::string bytes(file.size(), '\0');
  EXPECT_EQ(::pread(file.descriptor(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// A file of these bytes, with the seal that a reader wants.
int sealed(const std::string& bytes) {
  const int file = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  EXPECT_EQ(::write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  return file;
}

std::string mistake_in(const std::string& bytes) {
  return state_view(sealed(bytes)).mistake();
}

TEST(StateFile, GivesBackWhatWasPutIn) {
  const parts given{"the process", "", std::string(100'000, 'w')};
  const auto file = state_file::make(given);
  ASSERT_TRUE(file);
  const state_view view(inherited(file->descriptor()));
  EXPECT_EQ(view.mistake(), "");
  EXPECT_EQ(parts(view.parts().begin(), view.parts().end()), given);
}

TEST(StateFile, IsChangedByNobody) {
  const auto file = state_file::make(parts{"secret"});
  ASSERT_TRUE(file);
  EXPECT_LT(::write(file->descriptor(), "x", 1), 0);
  EXPECT_LT(::ftruncate(file->descriptor(), 0), 0);
  EXPECT_LT(::ftruncate(file->descriptor(), 1'000'000), 0);
  EXPECT_EQ(::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor(), 0),
            MAP_FAILED);
}

TEST(StateFile, IsWipedForEverybody) {
  auto file = state_file::make(parts{"secret"});
  ASSERT_TRUE(file);
  EXPECT_NE(bytes_of(*file).find("secret"), std::string::npos);
  file->wipe();
  EXPECT_EQ(bytes_of(*file), std::string(file->size(), '\0'));
}

TEST(StateFile, IsWipedAtItsEnd) {
  int other = -1;
  {
    const auto file = state_file::make(parts{"secret"});
    ASSERT_TRUE(file);
    other = inherited(file->descriptor());
  }
  EXPECT_EQ(state_view(other).mistake(), "the state is no gateway's");
}

TEST(StateFile, NamesWhatIsWrongWithEachByte) {
  const auto file = state_file::make(parts{"one", "two"});
  ASSERT_TRUE(file);
  const std::string good = bytes_of(*file);
  ASSERT_EQ(mistake_in(good), "");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    EXPECT_NE(mistake_in(bad), "") << i;
    EXPECT_NE(mistake_in(good.substr(0, i)), "") << i;
  }
  EXPECT_EQ(mistake_in(good + "x"), "the state has bytes behind its end");
}

TEST(StateFile, SaysThatItIsOfAnotherVersion) {
  const auto file = state_file::make(parts{"one"});
  ASSERT_TRUE(file);
  std::string other = bytes_of(*file);
  const std::uint32_t next = state_version + 1;
  std::memcpy(other.data() + 4, &next, sizeof next);
  EXPECT_EQ(mistake_in(other), "the state is of version 3, and this program takes version 2");
}

TEST(StateFile, IsReadOnlySealed) {
  const int file = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  EXPECT_EQ(state_view(file).mistake(), "the state is not sealed");
}

}  // namespace
}  // namespace presenter::gateway
