#include "gateway/operate/metrics_format.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace presenter::gateway {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The part of `rest` in front of the next separator, which is taken off with it.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = trimmed(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

bool is_same(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

// Its weight; nothing: in a version that is not ours.
std::optional<double> weight_of(std::string_view parameters) {
  double weight = 1;
  while (!parameters.empty()) {
    std::string_view value = take_until(parameters, ';');
    const std::string_view name = take_until(value, '=');
    value = trimmed(value);
    if (is_same(name, "version") && value != "1.0.0" && value != "0.0.1" && value != "0.0.4")
      return std::nullopt;
    if (is_same(name, "q") &&
        std::from_chars(value.data(), value.data() + value.size(), weight).ec != std::errc{})
      weight = 0;
  }
  return weight;
}

}  // namespace

exposition wanted_exposition(std::string_view accept) {
  double open = 0;
  double plain = 0;
  while (!accept.empty()) {
    std::string_view parameters = take_until(accept, ',');
    const std::string_view range = take_until(parameters, ';');
    const double weight = weight_of(parameters).value_or(0);
    if (is_same(range, "application/openmetrics-text")) open = std::max(open, weight);
    if (is_same(range, "text/plain")) plain = std::max(plain, weight);
  }
  return open > 0 && open >= plain ? exposition::open_metrics : exposition::prometheus;
}

std::string_view content_type_of(exposition format) {
  return format == exposition::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace presenter::gateway
