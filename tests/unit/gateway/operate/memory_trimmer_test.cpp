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

TEST(MemoryTrimmer, TheRestOfACrowdIsDueWhenNobodyMoreComes) {
  EXPECT_FALSE(is_rest_due({.ended = 700, .arriving = 0}, 650)) << "they still come";
  EXPECT_TRUE(is_rest_due({.ended = 700, .arriving = 0}, 700));
  EXPECT_TRUE(is_rest_due({.ended = 700, .arriving = 16}, 700)) << "some never say anything";
  EXPECT_FALSE(is_rest_due({.ended = 700, .arriving = 17}, 700));
}

}  // namespace
}  // namespace presenter::gateway
