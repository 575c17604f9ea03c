#include "bench/load_generator/weighted_choice.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace presenter::bench {
namespace {

TEST(WeightedChoice, OfOneValueIsThatValue) {
  const weighted_choice choice("128");
  EXPECT_EQ(choice.at(0), 128);
  EXPECT_EQ(choice.at(0.999), 128);
  EXPECT_EQ(choice.mean(), 128);
}

TEST(WeightedChoice, GivesEachValueItsShare) {
  const weighted_choice choice("64:6,512:3,4096:1");
  int counts[3] = {};
  for (int i = 0; i < 1'000; ++i) {
    const double value = choice.at(i / 1'000.0);
    ++counts[value == 64 ? 0 : value == 512 ? 1 : 2];
  }
  EXPECT_EQ(counts[0], 600);
  EXPECT_EQ(counts[1], 300);
  EXPECT_EQ(counts[2], 100);
  EXPECT_DOUBLE_EQ(choice.mean(), (64 * 6 + 512 * 3 + 4096) / 10.0);
  EXPECT_EQ(choice.least(), 64);
  EXPECT_EQ(choice.greatest(), 4096);
}

TEST(WeightedChoice, RefusesWhatIsNone) {
  for (const char* const text : {"", ",", "a", "1:", "1:x", ":1", "-1", "1:-1", "1:0", "1,,2",
                                 "1:2:3", "nan", "inf", "1:inf"})
    EXPECT_THROW(weighted_choice{text}, std::invalid_argument) << text;
}

}  // namespace
}  // namespace presenter::bench
