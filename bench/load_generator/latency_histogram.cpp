#include "bench/load_generator/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace presenter::bench {

latency_histogram::latency_histogram() : counts_(bucket_count) {}

std::size_t latency_histogram::bucket_of(std::uint64_t value) {
  if (value < sub_buckets) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
  return shift * sub_buckets + (value >> shift);
}

std::uint64_t latency_histogram::bucket_end(std::size_t bucket) {
  if (bucket < 2 * sub_buckets) return bucket;
  const std::size_t shift = bucket / sub_buckets - 1;
  const std::uint64_t start = (sub_buckets + bucket % sub_buckets) << shift;
  return start + ((std::uint64_t{1} << shift) - 1);
}

void latency_histogram::record(std::chrono::nanoseconds duration) {
  const std::int64_t value = std::max<std::int64_t>(duration.count(), 0);
  ++counts_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void latency_histogram::merge(const latency_histogram& other) {
  for (std::size_t i = 0; i < bucket_count; ++i)
    counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void latency_histogram::merge(const shared_histogram& other) {
  for (std::size_t i = 0; i < bucket_count; ++i) {
    const std::uint64_t more = other.counts_[i].load(std::memory_order_relaxed);
    counts_[i] += more;
    count_ += more;
  }
  max_ = std::max(max_, other.max_.load(std::memory_order_relaxed));
}

latency_histogram latency_histogram::since(const latency_histogram& before) const {
  latency_histogram difference;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    difference.counts_[i] = counts_[i] - before.counts_[i];
    difference.count_ += difference.counts_[i];
    if (difference.counts_[i] != 0)
      difference.max_ = std::min(max_, static_cast<std::int64_t>(bucket_end(i)));
  }
  return difference;
}

std::chrono::nanoseconds latency_histogram::percentile(double percent) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const double share = std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += counts_[i];
    if (seen >= wanted) {
      const auto end = std::min<std::uint64_t>(bucket_end(i), static_cast<std::uint64_t>(max_));
      return std::chrono::nanoseconds(static_cast<std::int64_t>(end));
    }
  }
  return max();
}

void shared_histogram::record(std::chrono::nanoseconds duration) {
  const std::int64_t value = std::max<std::int64_t>(duration.count(), 0);
  auto& count = counts_[latency_histogram::bucket_of(static_cast<std::uint64_t>(value))];
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
}

}  // namespace presenter::bench
