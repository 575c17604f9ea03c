// Writes families of samples, each family once, as Prometheus's text exposition format 0.0.4 or as
// OpenMetrics 1.0, which tells units, and counters' families without `_total`.
// See: https://prometheus.io/docs/instrumenting/exposition_formats/,
// https://prometheus.io/docs/specs/om/open_metrics_spec/
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace presenter::gateway {

enum class metric_type : std::uint8_t { counter, gauge, histogram };
enum class exposition : std::uint8_t { prometheus, open_metrics };

// "name" and value; the value is escaped here, and what is no UTF-8 in it is replaced.
using metric_label = std::pair<std::string_view, std::string_view>;
using metric_labels = std::initializer_list<metric_label>;

class prometheus_text {
 public:
  explicit prometheus_text(exposition format = exposition::prometheus) : format_(format) {}

  // Starts a family: the samples that follow are its own. `name` in full, with `_total` for a
  // counter. A name with `_seconds` or `_bytes` tells the unit.
  void family(std::string_view name, std::string_view help, metric_type type);

  void sample(metric_labels labels, double value);
  void sample(metric_labels labels, std::int64_t value);
  void sample(metric_labels labels, std::uint64_t value);
  // One of a histogram: `suffix` is `_bucket`, `_sum` or `_count`.
  void part(std::string_view suffix, metric_labels labels, double value);
  void part(std::string_view suffix, metric_labels labels, std::uint64_t value);

  std::string take() &&;

 private:
  void prefix(std::string_view suffix, metric_labels labels);

  const exposition format_;
  std::string text_;
  std::string name_;
};

}  // namespace presenter::gateway
