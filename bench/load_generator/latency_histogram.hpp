// Durations in log-linear buckets, as HdrHistogram has them: 128 equal buckets per power of two, so
// that a percentile is at most 0.8 % above the true value, in fixed memory (58 KiB).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace presenter::bench {

// Confined to: its owner's thread; `merge` is for after the threads have ended.
class latency_histogram {
 public:
  latency_histogram();

  // Negative durations count as 0.
  void record(std::chrono::nanoseconds);
  void merge(const latency_histogram&);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }

  // The least bucket end that `percent` of the values do not exceed, never above max(); 0 when
  // empty.
  std::chrono::nanoseconds percentile(double percent) const;

  // Where a value is counted, and the largest value counted there.
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t bucket_end(std::size_t bucket);

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace presenter::bench
