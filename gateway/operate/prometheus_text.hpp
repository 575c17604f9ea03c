// Writes Prometheus's text exposition format 0.0.4: families of samples, each family once.
// See: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace presenter::gateway {

enum class metric_type : std::uint8_t { counter, gauge };

// "name" and value; the value is escaped here.
using metric_label = std::pair<std::string_view, std::string_view>;

class prometheus_text {
 public:
  // Starts a family: the samples that follow are its own. `name` in full, with `_total` for a
  // counter.
  void family(std::string_view name, std::string_view help, metric_type type);

  void sample(std::initializer_list<metric_label> labels, double value);
  void sample(std::initializer_list<metric_label> labels, std::int64_t value);
  void sample(std::initializer_list<metric_label> labels, std::uint64_t value);

  std::string take() && { return std::move(text_); }

 private:
  void prefix(std::initializer_list<metric_label> labels);

  std::string text_;
  std::string name_;
};

}  // namespace presenter::gateway
