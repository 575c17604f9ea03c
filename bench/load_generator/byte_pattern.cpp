#include "bench/load_generator/byte_pattern.hpp"

namespace presenter::bench {

byte_pattern::byte_pattern() : period_(251) {
  for (std::size_t i = 0; i < period_; ++i)
    table_.push_back(static_cast<std::byte>(i));
  fill_table();
}

byte_pattern::byte_pattern(std::span<const std::byte> message)
    : period_(message.size()), table_(message.begin(), message.end()) {
  fill_table();
}

void byte_pattern::fill_table() {
  table_.reserve(period_ + pattern_run_bytes_max);
  while (table_.size() < period_ + pattern_run_bytes_max)
    table_.push_back(table_[table_.size() - period_]);
}

}  // namespace presenter::bench
