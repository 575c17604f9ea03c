#include "gateway/operate/prometheus_text.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace presenter::gateway {
namespace {

// In a label value `\`, `"` and line feed are escaped; in a help text of Prometheus's own format
// `\` and line feed only.
void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  for_each_utf8(text, [&](std::string_view character) {
    if (character == "\n")
      out += "\\n";
    else if (character == "\\" || (with_quotes && character == "\""))
      out.append("\\").append(character);
    else
      out += character;
  });
}

constexpr std::string_view name_of(metric_type type) {
  switch (type) {
    case metric_type::counter:
      return "counter";
    case metric_type::gauge:
      return "gauge";
    case metric_type::histogram:
      break;
  }
  return "histogram";
}

constexpr std::string_view without(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

}  // namespace

void prometheus_text::family(std::string_view name, std::string_view help, metric_type type) {
  name_ = name;
  const bool is_open = format_ == exposition::open_metrics;
  const std::string_view shown = is_open ? without(name, "_total") : name;
  text_ += fmt::format("# HELP {} ", shown);
  append_escaped(text_, help, is_open);
  text_ += fmt::format("\n# TYPE {} {}\n", shown, name_of(type));
  if (!is_open) return;
  for (const std::string_view unit : {"seconds", "bytes"}) {
    if (shown.ends_with(unit) && shown.size() > unit.size() &&
        shown[shown.size() - unit.size() - 1] == '_')
      text_ += fmt::format("# UNIT {} {}\n", shown, unit);
  }
}

void prometheus_text::sample(metric_labels labels, double value) {
  part({}, labels, value);
}

void prometheus_text::sample(metric_labels labels, std::int64_t value) {
  prefix({}, labels);
  text_ += fmt::format("{}\n", value);
}

void prometheus_text::sample(metric_labels labels, std::uint64_t value) {
  part({}, labels, value);
}

void prometheus_text::part(std::string_view suffix, metric_labels labels, double value) {
  prefix(suffix, labels);
  text_ += fmt::format("{}\n", value);
}

void prometheus_text::part(std::string_view suffix, metric_labels labels, std::uint64_t value) {
  prefix(suffix, labels);
  text_ += fmt::format("{}\n", value);
}

std::string prometheus_text::take() && {
  if (format_ == exposition::open_metrics) text_ += "# EOF\n";
  return std::move(text_);
}

void prometheus_text::prefix(std::string_view suffix, metric_labels labels) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const auto& [name, value] : labels) {
    if (name.empty()) continue;
    text_ += separator;
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, value, true);
    text_ += '"';
    separator = ',';
  }
  text_ += separator == '{' ? " " : "} ";
}

}  // namespace presenter::gateway
