#include "bench/load_generator/frame_counter.hpp"

#include <gtest/gtest.h>

#include <string>

namespace presenter::bench {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

const std::string three_frames("\0\0\0\3abc\0\0\0\0\0\0\0\1x", 7 + 4 + 5);

TEST(FrameCounter, CountsThemHoweverTheyAreSplit) {
  for (std::size_t step = 1; step <= three_frames.size(); ++step) {
    frame_counter counter;
    std::size_t frames = 0;
    for (std::size_t i = 0; i < three_frames.size(); i += step)
      frames += counter.count(bytes_of(three_frames.substr(i, step))).value_or(100);
    EXPECT_EQ(frames, 3U) << step;
  }
}

TEST(FrameCounter, RefusesTextThatIsTakenForALength) {
  frame_counter counter;
  EXPECT_FALSE(counter.count(bytes_of("HTTP/1.1 400 Bad Request")));
}

TEST(FrameCounter, BeginsAnewAfterReset) {
  frame_counter counter;
  EXPECT_EQ(counter.count(bytes_of(std::string("\0\0\0\5ab", 6))), 0U);
  counter.reset();
  EXPECT_EQ(counter.count(bytes_of(three_frames)), 3U);
}

}  // namespace
}  // namespace presenter::bench
