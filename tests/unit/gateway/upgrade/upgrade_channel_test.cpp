#include "gateway/upgrade/upgrade_channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

TEST(UpgradeChannel, CarriesMessagesWhole) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  auto& [one, other] = *ends;
  EXPECT_EQ(one.receive(false).message, "");
  EXPECT_FALSE(one.receive(false).is_over);
  EXPECT_TRUE(other.send("adopted"));
  EXPECT_TRUE(other.send("yours"));
  EXPECT_EQ(one.receive(true).message, "adopted");
  EXPECT_EQ(one.receive(false).message, "yours");
}

TEST(UpgradeChannel, TellsThatTheOtherSideHasGone) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  auto& [one, other] = *ends;
  EXPECT_TRUE(other.send("failed"));
  other = upgrade_channel();
  EXPECT_EQ(one.receive(true).message, "failed");
  EXPECT_TRUE(one.receive(true).is_over);
  EXPECT_FALSE(one.send("yours"));
}

TEST(UpgradeChannel, CutsWhatIsTooLong) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  EXPECT_TRUE(ends->first.send(std::string(100'000, 'x')));
  EXPECT_EQ(ends->second.receive(true).message,
            std::string(upgrade_channel::message_bytes_max, 'x'));
}

ino_t file_of(int descriptor) {
  struct stat status {};
  ::fstat(descriptor, &status);
  return status.st_ino;
}

std::vector<int> many_descriptors() {
  std::vector<int> made;
  while (made.size() < upgrade_channel::descriptors_max)
    made.push_back(::memfd_create("one", MFD_CLOEXEC));
  return made;
}

void close_all(const std::vector<int>& descriptors) {
  for (const int each : descriptors)
    ::close(each);
}

TEST(UpgradeChannel, CarriesAsManyDescriptorsAsAMessageHolds) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  const std::vector<int> sent = many_descriptors();
  EXPECT_FALSE(ends->first.send_descriptors(sent));
  EXPECT_TRUE(ends->first.send("all"));
  const auto got = ends->second.receive(true);
  EXPECT_FALSE(got.is_cut);
  ASSERT_EQ(got.descriptors.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(got.descriptors[i].there, sent[i]);
    EXPECT_NE(got.descriptors[i].here, sent[i]);
    EXPECT_EQ(file_of(got.descriptors[i].here), file_of(sent[i]));
    EXPECT_EQ(::fcntl(got.descriptors[i].here, F_GETFD), FD_CLOEXEC) << "no hook has it";
    ::close(got.descriptors[i].here);
  }
  EXPECT_EQ(ends->second.receive(true).message, "all");
  close_all(sent);
}

TEST(UpgradeChannel, SaysThatThereIsNoRoomForDescriptors) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  const std::vector<int> sent = many_descriptors();
  EXPECT_FALSE(ends->first.send_descriptors(sent));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(sent.back()) + 1;
  ::setrlimit(RLIMIT_NOFILE, &tight);
  const auto got = ends->second.receive(true);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(got.is_cut);
  for (const auto& each : got.descriptors)
    ::close(each.here);
  close_all(sent);
}

// In a moment the other side has taken some out.
TEST(UpgradeChannel, SaysThatTooManyAreUnderWay) {
  auto ends = upgrade_channel::make();
  ASSERT_TRUE(ends);
  const std::vector<int> sent = many_descriptors();
  boost::system::error_code failed;
  while (!failed)
    failed = ends->first.send_descriptors(sent);
  EXPECT_TRUE(failed == boost::system::errc::resource_unavailable_try_again ||
              failed.value() == ETOOMANYREFS)
      << failed.message();
  close_all(sent);
}

}  // namespace
}  // namespace presenter::gateway
