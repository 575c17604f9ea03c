#include "gateway/operate/admin_address.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

class AdminAddress : public testing::Test {
 protected:
  AdminAddress() {
    std::string name = (fs::temp_directory_path() / "presenter-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~AdminAddress() override { fs::remove_all(folder_); }

  boost::system::error_code failure_of(const admin_address& address) {
    try {
      ::close(listen_on(address));
      return {};
    } catch (const boost::system::system_error& error) {
      return error.code();
    }
  }

  fs::path folder_;
};

TEST_F(AdminAddress, MakesASocketForItsGroup) {
  const fs::path path = folder_ / "a.sock";
  const mode_t before = ::umask(0077);
  const int listening = listen_on(path);
  ::umask(before);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0660U);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  ::close(listening);
}

TEST_F(AdminAddress, TakesOverWhatADeadProcessHasLeft) {
  const fs::path path = folder_ / "a.sock";
  ::close(listen_on(path));
  const auto left = file_of(path);
  ASSERT_TRUE(left);
  EXPECT_FALSE(failure_of(path));
}

TEST_F(AdminAddress, LeavesWhatALivingOneHas) {
  const fs::path path = folder_ / "a.sock";
  const int living = listen_on(path);
  const auto its = file_of(path);
  EXPECT_EQ(failure_of(path), boost::asio::error::address_in_use);
  EXPECT_EQ(file_of(path), its);
  ::close(living);
}

TEST_F(AdminAddress, RemovesNoOtherFile) {
  const fs::path path = folder_ / "text";
  std::ofstream(path) << "kept";
  EXPECT_EQ(failure_of(path), boost::system::errc::file_exists);
  EXPECT_EQ(fs::file_size(path), 4U);
}

TEST_F(AdminAddress, NamesWhatCannotBe) {
  EXPECT_EQ(failure_of(folder_ / std::string(120, 'x')), boost::system::errc::filename_too_long);
  EXPECT_EQ(failure_of(folder_ / "none" / "a.sock"),
            boost::system::errc::no_such_file_or_directory);
  EXPECT_FALSE(file_of(folder_ / "nothing"));
}

TEST_F(AdminAddress, AreTcpAsWell) {
  const auto loopback = boost::asio::ip::make_address("127.0.0.1");
  const int listening = listen_on(boost::asio::ip::tcp::endpoint(loopback, 0));
  admin_protocol::endpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  ASSERT_EQ(::getsockname(listening, local.data(), &size), 0);
  local.resize(size);
  const auto found = tcp_of(local);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address(), loopback);
  EXPECT_EQ(failure_of(*found), boost::asio::error::address_in_use);
  EXPECT_EQ(text_of(boost::asio::ip::tcp::endpoint(loopback, 9'100)), "127.0.0.1:9100");
  EXPECT_FALSE(file_of(*found));
  ::close(listening);
}

}  // namespace
}  // namespace presenter::gateway
