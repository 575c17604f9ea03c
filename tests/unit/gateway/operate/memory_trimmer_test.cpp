#include "gateway/operate/memory_trimmer.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway {
namespace {

TEST(MemoryTrimmer, WaitsForACrowdAndForItsEnd) {
  EXPECT_FALSE(is_trim_due({499, 0}, 0));
  EXPECT_TRUE(is_trim_due({500, 0}, 0));
  EXPECT_TRUE(is_trim_due({500, 16}, 0));
  EXPECT_FALSE(is_trim_due({500, 17}, 0)) << "some of it is still shaking hands";
  EXPECT_FALSE(is_trim_due({10'499, 0}, 10'000));
}

}  // namespace
}  // namespace presenter::gateway
