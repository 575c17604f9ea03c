#include "base/whole_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>

#include "tests/support/own_folder.hpp"

namespace presenter {
namespace {

class WholeFile : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes) const {
    std::ofstream(folder_ / "file", std::ios::binary) << bytes;
    return folder_ / "file";
  }

  std::filesystem::path make_pipe() const {
    std::filesystem::path pipe = folder_ / "pipe";
    EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    return pipe;
  }

  const tests::own_folder folder_;
};

TEST_F(WholeFile, IsReadUpToItsLimit) {
  EXPECT_EQ(read_whole_file(write("12345678"), 8).value(), "12345678");
  EXPECT_EQ(read_whole_file(write("12345678"), 7).error(), file_errc::too_large);
  EXPECT_EQ(read_whole_file(write(""), 8).value(), "");
}

// Files of /proc say that they have no bytes.
TEST_F(WholeFile, IsReadToItsEndWhereItTellsNoSize) {
  EXPECT_EQ(read_whole_file("/proc/self/comm", 64).value().back(), '\n');
  EXPECT_EQ(read_whole_file("/proc/self/status", 64).error(), file_errc::too_large);
}

TEST_F(WholeFile, ThatIsNotThereOrAFolderIsTheSystemsError) {
  const auto system_error = [](int value) {
    return boost::system::error_code(value, boost::system::system_category());
  };
  EXPECT_EQ(read_whole_file(folder_ / "absent", 8).error(), system_error(ENOENT));
  EXPECT_EQ(read_whole_file(folder_ / ".", 8).error(), system_error(EISDIR));
  EXPECT_EQ(check_regular_file(folder_ / "absent"), system_error(ENOENT));
  EXPECT_EQ(check_regular_file(folder_ / "."), system_error(EISDIR));
  EXPECT_FALSE(check_regular_file(write("x")));
}

// Nobody writes to this pipe: to wait for it would hold up the thread that reads.
TEST_F(WholeFile, IsNotAPipeNorADevice) {
  const auto pipe = make_pipe();
  EXPECT_EQ(read_whole_file(pipe, 8).error(), file_errc::not_regular);
  EXPECT_EQ(check_regular_file(pipe), file_errc::not_regular);
  EXPECT_EQ(read_whole_file("/dev/zero", 8).error(), file_errc::not_regular);
  EXPECT_EQ(make_error_code(file_errc::not_regular).message(), "it is not a regular file");
}

TEST_F(WholeFile, MayBeAPipeWhereThatIsAllowed) {
  const auto pipe = make_pipe();
  std::thread writer([&pipe] { std::ofstream(pipe) << std::string(200'000, 'x'); });
  EXPECT_EQ(read_whole_file(pipe, 200'000, file_kinds::any).value(), std::string(200'000, 'x'));
  writer.join();
  EXPECT_EQ(read_whole_file("/dev/zero", 100'000, file_kinds::any).error(), file_errc::too_large);
}

}  // namespace
}  // namespace presenter
