#include "bench/load_generator/hdr_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <bit>
#include <ctime>
#include <limits>
#include <stdexcept>

namespace presenter::bench {

namespace {

// HdrHistogram's AbstractHistogram and EncodableHistogram.
constexpr std::uint32_t v2_cookie = 0x1c849303 | 0x10;
constexpr std::uint32_t v2_compressed_cookie = 0x1c849304 | 0x10;
// 10² values are told apart, for which it takes 256 sub-buckets: ours.
constexpr std::uint32_t significant_digits = 2;

template <class Integer>
void put_big_endian(std::vector<unsigned char>& to, Integer value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
    to.push_back(static_cast<unsigned char>(value >> shift));
}

// ZigZag, then seven bits a byte; the ninth byte holds eight.
void put_count(std::vector<unsigned char>& to, std::int64_t count) {
  auto rest = static_cast<std::uint64_t>(count) << 1 ^ static_cast<std::uint64_t>(count >> 63);
  for (int byte = 0; byte < 8 && rest >= 0x80; ++byte) {
    to.push_back(static_cast<unsigned char>(rest | 0x80));
    rest >>= 7;
  }
  to.push_back(static_cast<unsigned char>(rest));
}

// A negative number stands for that many empty buckets; those behind the last value are left out.
std::vector<unsigned char> encode_counts(std::span<const std::uint64_t> counts) {
  std::vector<unsigned char> bytes;
  std::int64_t zeros = 0;
  for (const std::uint64_t count : counts) {
    if (count == 0) {
      ++zeros;
      continue;
    }
    if (zeros == 1) put_count(bytes, 0);
    if (zeros > 1) put_count(bytes, -zeros);
    zeros = 0;
    put_count(bytes, static_cast<std::int64_t>(count));
  }
  return bytes;
}

std::tm utc_of(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

std::vector<unsigned char> encode_hdr(const latency_histogram& histogram) {
  const auto counts = encode_counts(histogram.counts());
  std::vector<unsigned char> bytes;
  put_big_endian(bytes, v2_cookie);
  put_big_endian(bytes, static_cast<std::uint32_t>(counts.size()));
  put_big_endian(bytes, std::uint32_t{0});  // normalizing index offset
  put_big_endian(bytes, significant_digits);
  put_big_endian(bytes, std::uint64_t{1});  // lowest value that is told apart from 0
  put_big_endian(bytes, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  put_big_endian(bytes, std::bit_cast<std::uint64_t>(1.0));  // integer to double
  bytes.insert(bytes.end(), counts.begin(), counts.end());
  return bytes;
}

std::string encode_hdr_line(const latency_histogram& histogram) {
  const auto plain = encode_hdr(histogram);
  uLongf size = ::compressBound(plain.size());
  std::vector<unsigned char> packed(size);
  if (::compress(packed.data(), &size, plain.data(), plain.size()) != Z_OK)
    throw std::runtime_error("zlib cannot compress a histogram");
  packed.resize(size);
  std::vector<unsigned char> bytes;
  put_big_endian(bytes, v2_compressed_cookie);
  put_big_endian(bytes, static_cast<std::uint32_t>(size));
  bytes.insert(bytes.end(), packed.begin(), packed.end());
  std::vector<unsigned char> text(4 * ((bytes.size() + 2) / 3) + 1);
  const int written = ::EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {text.begin(), text.begin() + written};
}

hdr_log::hdr_log(const std::string& path, std::string_view mode,
                 std::chrono::system_clock::time_point begun)
    : path_(path), file_(path) {
  const std::chrono::duration<double> since_epoch = begun.time_since_epoch();
  write(fmt::format(
      "#[Latencies of presenter-load {} in nanoseconds]\n"
      "#[Histogram log format version 1.3]\n"
      "#[StartTime: {:.3f} (seconds since epoch), {:%Y-%m-%dT%H:%M:%SZ}]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
      mode, since_epoch.count(), utc_of(begun)));
}

void hdr_log::add(std::chrono::duration<double> start, std::chrono::duration<double> length,
                  const latency_histogram& histogram) {
  write(fmt::format("{:.3f},{:.3f},{:.3f},{}\n", start.count(), length.count(),
                    static_cast<double>(histogram.max().count()) / 1e6,
                    encode_hdr_line(histogram)));
}

void hdr_log::write(const std::string& text) {
  if (!(file_ << text << std::flush)) throw std::runtime_error("cannot write " + path_);
}

}  // namespace presenter::bench
