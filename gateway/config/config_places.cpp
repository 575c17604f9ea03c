#include "gateway/config/config_places.hpp"

#include <fmt/format.h>

#include <utility>

namespace presenter::gateway {

std::string config_error::to_string() const {
  // Without a line it is about the file as a whole, and names it itself.
  if (line == 0) return text;
  std::string out = fmt::format("{}:{}", file, line);
  if (!key.empty()) out += ": " + key;
  return out + ": " + text;
}

void config_places::add(const config_table& table, std::string_view key, place at) {
  places_[table].emplace(key, at);
}

config_error config_places::error_at(const config_table& table, std::string_view key,
                                     std::string text) const {
  place at;
  if (const auto keys = places_.find(table); keys != places_.end()) {
    auto found = keys->second.find(key);
    if (found == keys->second.end()) found = keys->second.find("");
    if (found != keys->second.end()) at = found->second;
  }
  const char* const dot = table.name.empty() || key.empty() ? "" : ".";
  return {file_, at.line, at.column, fmt::format("{}{}{}", table.name, dot, key), std::move(text)};
}

}  // namespace presenter::gateway
