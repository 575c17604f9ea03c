#include "gateway/operate/prometheus_text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace presenter::gateway {
namespace {

// In a label value `\`, `"` and line feed are escaped; in a help text `\` and line feed only.
void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\' || (with_quotes && c == '"'))
      out.append({'\\', c});
    else
      out += c;
  }
}

}  // namespace

void prometheus_text::family(std::string_view name, std::string_view help, metric_type type) {
  name_ = name;
  text_ += fmt::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ +=
      fmt::format("\n# TYPE {} {}\n", name, type == metric_type::counter ? "counter" : "gauge");
}

void prometheus_text::sample(std::initializer_list<metric_label> labels, double value) {
  prefix(labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void prometheus_text::sample(std::initializer_list<metric_label> labels, std::int64_t value) {
  prefix(labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void prometheus_text::sample(std::initializer_list<metric_label> labels, std::uint64_t value) {
  prefix(labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void prometheus_text::prefix(std::initializer_list<metric_label> labels) {
  text_ += name_;
  char separator = '{';
  for (const auto& [name, value] : labels) {
    text_ += separator;
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, value, true);
    text_ += '"';
    separator = ',';
  }
  text_ += labels.size() == 0 ? " " : "} ";
}

}  // namespace presenter::gateway
