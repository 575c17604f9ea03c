// Data must cost no allocation in either direction: this program counts every one of its own.
#include <gtest/gtest.h>

#include <array>

#include "protocol/wire/mux_frame.hpp"
#include "tests/support/allocation_count.hpp"

namespace presenter::protocol {
namespace {

using testing::allocations;

TEST(MuxFrameAllocation, DataTakesNoMemoryInEitherDirection) {
  std::array<std::byte, limits::data_bytes_max> payload{};
  byte_buffer out;
  out.prepare(2 * limits::frame_bytes_max);
  std::size_t payload_bytes = 0;

  const std::size_t before = allocations;
  for (const std::size_t size : {1U, 128U, 16'384U}) {
    for (const bool more : {false, true}) {
      encode_data({12'345}, more, std::span(payload).first(size), out);
      const auto slice = slice_frame(out.bytes());
      if (slice && is_data(slice->body)) payload_bytes += decode_data(slice->body)->payload.size();
      out.clear();
    }
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(payload_bytes, 2U * (1 + 128 + 16'384));
}

// The general walk as well, which an unusual but valid encoding takes.
TEST(MuxFrameAllocation, UnusualDataTakesNoMemoryEither) {
  constexpr std::array<unsigned char, 9> body{0x5c, 0x16, 0x02, 0x12, 0x18, 0x01, 'x', 0, 0};
  const std::size_t before = allocations;
  const auto decoded = decode_data(std::as_bytes(std::span(body)));
  EXPECT_EQ(allocations, before);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->payload.size(), 1U);
}

TEST(MuxFrameAllocation, ALieAboutASizeTakesNoMemory) {
  constexpr std::array<unsigned char, 8> hello{0x1c, 0x48, 0xff, 0xff, 0xff, 0x7f, 0, 0};
  const std::size_t before = allocations;
  const auto decoded = decode_control(std::as_bytes(std::span(hello)));
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(decoded.error(), errc::frame_malformed);
}

}  // namespace
}  // namespace presenter::protocol
