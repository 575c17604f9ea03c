// Durations in log-linear buckets, those of an HdrHistogram with two significant digits: 128 equal
// buckets per power of two, so that a percentile is at most 0.8 % above the true value, in fixed
// memory (58 KiB). A shared_histogram is filled by one thread while others, perhaps of another
// process, look at it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace presenter::bench {

class shared_histogram;

// Confined to: its owner's thread.
class latency_histogram {
 public:
  static constexpr unsigned sub_bits = 7;
  static constexpr std::size_t sub_buckets = std::size_t{1} << sub_bits;
  static constexpr std::size_t bucket_count = (64 - sub_bits + 1) * sub_buckets;

  latency_histogram();

  // Negative durations count as 0.
  void record(std::chrono::nanoseconds);
  void merge(const latency_histogram&);
  void merge(const shared_histogram&);

  // What was recorded since `before`, an earlier state of this one. Its max() is the end of its
  // highest bucket, which may be above the true one.
  latency_histogram since(const latency_histogram& before) const;

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }

  // The least bucket end that `percent` of the values do not exceed, never above max(); 0 when
  // empty.
  std::chrono::nanoseconds percentile(double percent) const;

  // By bucket.
  std::span<const std::uint64_t> counts() const { return counts_; }

  // Where a value is counted, and the largest value counted there.
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t bucket_end(std::size_t bucket);

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

// Life: may stand in memory that processes share. All zero is empty.
class shared_histogram {
 public:
  // One thread only.
  void record(std::chrono::nanoseconds);

 private:
  friend class latency_histogram;
  std::array<std::atomic<std::uint64_t>, latency_histogram::bucket_count> counts_{};
  std::atomic<std::int64_t> max_ = 0;
};

}  // namespace presenter::bench
