// The lines of a log, read again as HdrHistogram's own readers do it.
#include "bench/load_generator/hdr_log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace presenter::bench {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t header_bytes = 40;

std::uint64_t big_endian(const std::vector<unsigned char>& bytes, std::size_t at,
                         std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | bytes.at(at + i);
  return value;
}

// By bucket.
std::map<std::size_t, std::int64_t> counts_of(const std::vector<unsigned char>& bytes) {
  std::map<std::size_t, std::int64_t> counts;
  std::size_t bucket = 0;
  for (std::size_t at = header_bytes; at < bytes.size();) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 9; ++i) {
      const std::uint64_t byte = bytes.at(at++);
      value |= (i < 8 ? byte & 0x7f : byte) << (7 * i);
      if (byte < 0x80) break;
    }
    const auto count =
        static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
    if (count < 0) {
      bucket += static_cast<std::size_t>(-count);
    } else if (count > 0) {
      counts[bucket++] = count;
    } else {
      ++bucket;
    }
  }
  return counts;
}

TEST(HdrLog, SaysInItsHeaderWhatTheBucketsAre) {
  const auto bytes = encode_hdr(latency_histogram());
  ASSERT_EQ(bytes.size(), header_bytes);
  EXPECT_EQ(big_endian(bytes, 0, 4), 0x1c849313U);
  EXPECT_EQ(big_endian(bytes, 4, 4), 0U);   // of counts
  EXPECT_EQ(big_endian(bytes, 12, 4), 2U);  // significant digits
  EXPECT_EQ(big_endian(bytes, 16, 8), 1U);
  EXPECT_EQ(big_endian(bytes, 32, 8), 0x3ff0000000000000U);  // 1.0
}

TEST(HdrLog, HasEveryCountInItsBucket) {
  latency_histogram histogram;
  std::map<std::size_t, std::int64_t> expected;
  for (const std::uint64_t value : {0UL, 1UL, 3UL, 255UL, 256UL, 1'000'000UL, 123'456'789'012UL}) {
    for (std::uint64_t n = 0; n <= value % 300; ++n) {
      histogram.record(nanoseconds(value));
      ++expected[latency_histogram::bucket_of(value)];
    }
  }
  EXPECT_EQ(counts_of(encode_hdr(histogram)), expected);
}

TEST(HdrLog, WritesALineForEachInterval) {
  const auto path =
      std::filesystem::temp_directory_path() / ("hdr_log_test-" + std::to_string(::getpid()));
  latency_histogram histogram;
  histogram.record(nanoseconds(2'500'000));
  {
    hdr_log log(path.string(), "echo", std::chrono::system_clock::time_point());
    log.add(std::chrono::seconds(1), std::chrono::seconds(2), histogram);
  }
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  EXPECT_NE(text.find("#[Histogram log format version 1.3]\n"), std::string::npos);
  EXPECT_NE(text.find("#[StartTime: 0.000 (seconds since epoch), 1970-01-01T00:00:00Z]\n"),
            std::string::npos);
  EXPECT_NE(text.find("\n1.000,2.000,2.500,HISTFAAAA"), std::string::npos) << text;
}

TEST(HdrLog, FailsWhereItCannotBeWritten) {
  EXPECT_THROW(hdr_log("/dev/full", "echo", {}), std::runtime_error);
  EXPECT_THROW(hdr_log("/nowhere/at/all", "echo", {}), std::runtime_error);
}

}  // namespace
}  // namespace presenter::bench
