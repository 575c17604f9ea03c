#include "protocol/errc.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace presenter::protocol {
namespace {

constexpr int errc_count = static_cast<int>(errc::packet_key_size);

TEST(Errc, EveryEnumeratorHasItsOwnNameAndMessage) {
  std::set<std::string_view> names;
  std::set<std::string> messages;
  for (int value = 1; value <= errc_count; ++value) {
    const auto code = static_cast<errc>(value);
    EXPECT_TRUE(names.insert(name_of(code)).second) << name_of(code);
    EXPECT_TRUE(messages.insert(make_error_code(code).message()).second) << name_of(code);
  }
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(name_of(static_cast<errc>(errc_count + 1)), "unknown");
}

TEST(Errc, NameIsTheEnumerator) {
  EXPECT_EQ(name_of(errc::frame_empty), "frame_empty");
  EXPECT_EQ(name_of(errc::link_window_exceeded), "link_window_exceeded");
  EXPECT_EQ(name_of(errc::packet_key_size), "packet_key_size");
}

TEST(Errc, ConvertsToItsCategory) {
  const boost::system::error_code code = errc::hello_role;
  EXPECT_EQ(code, errc::hello_role);
  EXPECT_EQ(&code.category(), &error_category());
  EXPECT_STREQ(code.category().name(), "presenter.protocol");
}

TEST(ResetReason, EveryNumberHasItsOwnNameAndANewOneReadsAsCancelled) {
  std::set<std::string_view> names;
  for (int value = 1; value <= 14; ++value) {
    EXPECT_TRUE(names.insert(name_of(static_cast<reset_reason>(value))).second);
  }
  EXPECT_EQ(name_of(static_cast<reset_reason>(15)), "cancelled");
}

}  // namespace
}  // namespace presenter::protocol
