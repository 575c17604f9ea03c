#include "gateway/upgrade/upgrade_channel.hpp"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace presenter::gateway
