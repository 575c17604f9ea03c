#include "gateway/config/config_places.hpp"

#include <fmt/format.h>

#include <utility>

namespace presenter::gateway {

std::string config_table::to_string() const {
  return number == 0 ? name : fmt::format("{}[{}]", name, number);
}

std::string config_error::to_string() const {
  // Without a line it is about the file as a whole, and names it itself.
  if (variable.empty() && line == 0) return text;
  std::string out = variable.empty() ? fmt::format("{}:{}", file, line) : "environment " + variable;
  if (!key.empty()) out += ": " + key;
  return out + ": " + text;
}

void config_places::add(const config_table& table, std::string_view key, place at) {
  places_[table].emplace(key, std::move(at));
}

void config_places::add_variable(const config_table& table, std::string_view key,
                                 std::string variable) {
  place& at = places_[table][std::string(key)];
  at = {};
  at.variable = std::move(variable);
}

void config_places::add_written(const config_table& table, std::string_view key,
                                std::string written) {
  places_[table][std::string(key)].written = std::move(written);
}

std::string config_places::origin_of(const config_table& table, std::string_view key) const {
  const place* const at = find(table, key);
  if (at == nullptr) return {};
  if (!at->variable.empty()) return "environment " + at->variable;
  return fmt::format("{}:{}", file_, at->line);
}

const std::string* config_places::written(const config_table& table, std::string_view key) const {
  const place* const at = find(table, key);
  return at == nullptr || at->written.empty() ? nullptr : &at->written;
}

const config_places::place* config_places::find(const config_table& table,
                                                std::string_view key) const {
  const auto keys = places_.find(table);
  if (keys == places_.end()) return nullptr;
  const auto found = keys->second.find(key);
  return found == keys->second.end() ? nullptr : &found->second;
}

config_error config_places::error_at(const config_table& table, std::string_view key,
                                     std::string text) const {
  const place* found = find(table, key);
  if (found == nullptr) found = find(table, "");
  const place at = found == nullptr ? place{} : *found;
  const char* const dot = table.name.empty() || key.empty() ? "" : ".";
  return {file_,           at.line,    at.column, fmt::format("{}{}{}", table.name, dot, key),
          std::move(text), at.variable};
}

}  // namespace presenter::gateway
