// A strict reader of Prometheus's text format 0.0.4 for tests: what it takes, every Prometheus
// takes.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace presenter::gateway {

struct prometheus_family {
  std::string help;
  std::string type;
  std::map<std::map<std::string, std::string>, double> samples;  // by labels
};

struct prometheus_page {
  std::map<std::string, prometheus_family> families;

  // Throws std::out_of_range if there is no such sample.
  double value(const std::string& name,
               const std::map<std::string, std::string>& labels = {}) const;
};

// Throws std::runtime_error, naming the line, at the first thing that the format, or the custom for
// names (counters end in _total, each family has HELP, TYPE and samples), does not allow.
prometheus_page parse_prometheus(std::string_view text);

}  // namespace presenter::gateway
