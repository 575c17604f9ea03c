#include "gateway/config/config_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "gateway/config/config_environment.hpp"

namespace presenter::gateway {
namespace {

struct duration_unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<duration_unit, 4> duration_units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Above any range in use, and far from overflow in any unit.
constexpr std::int64_t duration_count_max = 1'000'000'000;

// Levenshtein's distance, with two swapped neighbours as one step.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a float";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

// As a person writes it: nothing needs no unit.
std::string duration_text(duration value) {
  return value == duration::zero() ? "0" : format_duration(value);
}

std::string range_text(const std::string& min, const std::string& max, bool may_be_off) {
  return fmt::format("{}{} – {}", may_be_off ? "0, or " : "", min, max);
}

// "`a`, `b` or `c`"
std::string choice_text(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const char* const before = i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("{}`{}`", before, words[i]);
  }
  return text;
}

std::string list_text(const std::vector<std::string>& texts) {
  return texts.empty() ? "[]" : fmt::format("[\"{}\"]", fmt::join(texts, "\", \""));
}

// A NUL inside would cut the text short wherever it meets a C interface.
bool is_usable(const std::string& text) {
  return !text.empty() && text.find('\0') == std::string::npos;
}

}  // namespace

std::optional<duration> parse_duration(std::string_view text) noexcept {
  std::int64_t count = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (ec != std::errc{} || count < 0 || count > duration_count_max) return std::nullopt;
  const auto unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& unit : duration_units)
    if (unit.name == unit_name) return duration{count * unit.milliseconds};
  return std::nullopt;
}

std::string format_duration(duration value) {
  if (value == duration::zero()) return "0s";
  for (const auto& unit : duration_units)
    if (value.count() % unit.milliseconds == 0)
      return fmt::format("{}{}", value.count() / unit.milliseconds, unit.name);
  return {};
}

std::optional<std::string> closest_of(std::string_view word,
                                      const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = &candidate;
    best_distance = distance;
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

void config_errors::add(toml::source_position at, std::string key, std::string text) {
  list.push_back({file, static_cast<std::uint32_t>(at.line), static_cast<std::uint32_t>(at.column),
                  std::move(key), std::move(text)});
}

config_section::config_section(const toml::table* table, std::string name, toml::source_position at,
                               config_errors& errors, std::size_t number)
    : table_(table), name_(std::move(name)), number_(number), at_(at), errors_(errors) {
  const config_table of{name_, number};
  errors_.places.add(of, "", {at.line, at.column});
  if (table == nullptr) return;
  for (const auto& [key, node] : *table) {
    const auto begin = node.source().begin;
    errors_.places.add(of, key.str(), {begin.line, begin.column});
  }
}

void config_section::describe(std::string_view key, value_type type, std::string value,
                              std::string range) {
  if (is_describing())
    errors_.described->push_back(
        {{name_, number_}, std::string(key), type, std::move(value), std::move(range)});
}

void config_section::read(std::string_view key, std::string& out) {
  if (auto value = text(key, out)) out = std::move(*value);
}

void config_section::read(std::string_view key, bool& out) {
  describe(key, value_type::boolean, out ? "true" : "false");
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<bool>()) {
    out = *value;
  } else {
    fail(key, fmt::format("must be true or false, not {}", type_name(*node)));
  }
}

void config_section::read(std::string_view key, double& out, double min, double max) {
  describe(key, value_type::number, fmt::format("{}", out), fmt::format("{} – {}", min, max));
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = number_within(key, *node, min, max)) out = *value;
}

void config_section::read_or_word(std::string_view key, std::string_view word,
                                  std::optional<double>& out, double min, double max) {
  describe(key, value_type::number_or_word, out ? fmt::format("{}", *out) : std::string(word),
           fmt::format("`{}`, or {} – {}", word, min, max));
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto* text = node->as_string()) {
    if (text->get() != word)
      return fail(key,
                  fmt::format("must be \"{}\" or {} to {}, not '{}'", word, min, max, text->get()));
    out.reset();
    return;
  }
  if (const auto value = number_within(key, *node, min, max)) out = value;
}

void config_section::read(std::string_view key, duration& out, duration min, duration max) {
  describe(key, value_type::duration, duration_text(out),
           range_text(duration_text(min), duration_text(max), false));
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = duration_within(key, *node, min, max)) out = *value;
}

void config_section::read(std::string_view key, std::optional<duration>& out, duration min,
                          duration max) {
  describe(key, value_type::duration, out ? duration_text(*out) : "",
           range_text(duration_text(min), duration_text(max), false));
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = duration_within(key, *node, min, max)) out = *value;
}

void config_section::read_or_off(std::string_view key, duration& out, duration min, duration max) {
  describe(key, value_type::duration, duration_text(out),
           range_text(duration_text(min), duration_text(max), true));
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = duration_of(key, *node);
  if (!value) return;
  if (*value != duration::zero() && (*value < min || *value > max))
    return fail(key, fmt::format("must be 0 or {} to {}, not {}", format_duration(min),
                                 format_duration(max), format_duration(*value)));
  out = *value;
}

std::optional<double> config_section::number_within(std::string_view key, const toml::node& node,
                                                    double min, double max) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value) {
    fail(key, fmt::format("must be a number, not {}", type_name(node)));
  } else if (!(*value >= min && *value <= max)) {
    fail(key, fmt::format("must be {} to {}, not {}", min, max, *value));
  } else {
    return value;
  }
  return std::nullopt;
}

std::optional<duration> config_section::duration_within(std::string_view key,
                                                        const toml::node& node, duration min,
                                                        duration max) {
  const auto value = duration_of(key, node);
  if (!value || (*value >= min && *value <= max)) return value;
  fail(key, fmt::format("must be {} to {}, not {}", format_duration(min), format_duration(max),
                        format_duration(*value)));
  return std::nullopt;
}

std::optional<duration> config_section::duration_of(std::string_view key, const toml::node& node) {
  if (const auto* seconds = node.as_integer()) {
    if (seconds->get() >= 0 && seconds->get() <= duration_count_max)
      return std::chrono::seconds{seconds->get()};
  } else if (const auto* text = node.as_string()) {
    if (const auto value = parse_duration(text->get())) return value;
  }
  fail(key, "must be a duration: \"500ms\", \"10s\", \"5m\", \"12h\" or a whole number of seconds");
  return std::nullopt;
}

std::optional<std::int64_t> config_section::integer(std::string_view key, std::int64_t now,
                                                    std::int64_t min, std::int64_t max,
                                                    bool may_be_off) {
  describe(key, value_type::integer, std::to_string(now),
           range_text(std::to_string(min), std::to_string(max), may_be_off));
  const auto* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    fail(key, fmt::format("must be an integer, not {}", type_name(*node)));
    return std::nullopt;
  }
  const bool is_off = may_be_off && value->get() == 0;
  if (!is_off && (value->get() < min || value->get() > max)) {
    fail(key, fmt::format("must be {}{} to {}, not {}", may_be_off ? "0 or " : "", min, max,
                          value->get()));
    return std::nullopt;
  }
  return value->get();
}

std::optional<std::size_t> config_section::word(std::string_view key,
                                                const std::vector<std::string_view>& words,
                                                std::size_t now) {
  const auto value = text(key, std::string(words[now]));
  if (is_describing()) errors_.described->back().range = choice_text(words);
  if (!value) return std::nullopt;
  const auto found = std::ranges::find(words, *value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  fail(key, fmt::format("must be one of {}, not '{}'", fmt::join(words, ", "), *value));
  return std::nullopt;
}

std::optional<std::string> config_section::text(std::string_view key, std::string now) {
  describe(key, value_type::text, std::move(now));
  const auto* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) {
    fail(key, fmt::format("must be a string, not {}", type_name(*node)));
    return std::nullopt;
  }
  if (!is_usable(value->get())) {
    fail(key, "must not be empty or contain NUL");
    return std::nullopt;
  }
  std::string text = value->get();
  if (!expand(key, text)) return std::nullopt;
  return text;
}

// What the file has stays known: a variable's value may be a secret.
bool config_section::expand(std::string_view key, std::string& text) {
  if (text.find("${") == std::string::npos) return true;
  static const environment_map empty;
  const auto expanded = expand_variables(text, errors_.environment ? *errors_.environment : empty);
  errors_.places.add_written({name_, number_}, key, text);
  text = expanded.text;
  if (expanded.missing.empty() && is_usable(text)) return true;
  fail(key, expanded.missing.empty()
                ? "must not be empty or contain NUL"
                : fmt::format("the environment has no variable '{}'", expanded.missing));
  return false;
}

std::optional<std::vector<std::string>> config_section::texts(std::string_view key,
                                                              const std::vector<std::string>& now) {
  describe(key, value_type::texts, is_describing() ? list_text(now) : "");
  const auto* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* array = node->as_array();
  const bool fits = array != nullptr && (array->empty() || array->is_homogeneous<std::string>());
  std::vector<std::string> out;
  for (std::size_t i = 0; fits && i < array->size(); ++i) {
    out.push_back(*array->get(i)->value<std::string>());
    if (!is_usable(out.back())) {
      fail(key, "must not hold an empty string or one with NUL");
      return std::nullopt;
    }
    if (!expand(key, out.back())) return std::nullopt;
  }
  if (fits) return out;
  fail(key, "must be an array of strings");
  return std::nullopt;
}

config_section config_section::section(std::string_view name) {
  const auto* node = find(name);
  if (node == nullptr) return {nullptr, full_name(name), at_, errors_};
  const auto* table = node->as_table();
  if (table == nullptr) fail(name, fmt::format("must be a table, not {}", type_name(*node)));
  return {table, full_name(name), node->source().begin, errors_};
}

std::vector<config_section> config_section::sections(std::string_view name, std::size_t now) {
  std::vector<config_section> found;
  for (std::size_t i = 0; is_describing() && i < now; ++i)
    found.push_back({nullptr, full_name(name), at_, errors_, i + 1});
  const auto* node = find(name);
  if (node == nullptr) return found;
  const auto* array = node->as_array();
  if (array == nullptr) fail(name, fmt::format("must be [[tables]], not {}", type_name(*node)));
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const auto* table = array->get(i)->as_table();
    if (table == nullptr) {
      fail(name, "must be [[tables]]");
      break;
    }
    found.push_back({table, full_name(name), table->source().begin, errors_, i + 1});
  }
  return found;
}

bool config_section::has(std::string_view key) const {
  return table_ != nullptr && table_->contains(key);
}

void config_section::require(std::string_view key) {
  if (!has(key)) fail(key, "is required");
}

void config_section::fail(std::string_view key, std::string text) {
  errors_.list.push_back(error_at(key, std::move(text)));
}

void config_section::warn(std::string_view key, std::string text) {
  errors_.warnings.push_back(error_at(key, std::move(text)));
}

config_error config_section::error_at(std::string_view key, std::string text) const {
  config_error error = errors_.places.error_at({name_, number_}, key, std::move(text));
  error.file = errors_.file;
  return error;
}

void config_section::finish() {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    const bool is_table = node.is_table() || node.is_array_of_tables();
    auto text = fmt::format("unknown {}", is_table ? "table" : "key");
    if (const auto suggestion = closest_of(key.str(), known_))
      text += fmt::format(", did you mean '{}'?", *suggestion);
    else
      text += fmt::format("; {} has {}", name_.empty() ? "the file" : '[' + name_ + ']',
                          fmt::join(known_, ", "));
    errors_.add(key.source().begin, full_name(key.str()), std::move(text));
  }
}

const toml::node* config_section::find(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::string config_section::full_name(std::string_view key) const {
  if (name_.empty() || key.empty()) return name_ + std::string{key};
  return fmt::format("{}.{}", name_, key);
}

}  // namespace presenter::gateway
