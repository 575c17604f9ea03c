#include "gateway/operate/admin_query.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace presenter::gateway {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    unsigned byte = 0;
    const char* const first = text.data() + i + 1;
    const auto [end, error] = std::from_chars(first, first + 2, byte, 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

std::optional<admin_query> admin_query::parse(std::string_view target) {
  admin_query query;
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return query;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size() < rest.size() ? pair.size() + 1 : pair.size());
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals));
    auto value = percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    if (!query.values_.emplace(std::move(*name), std::move(*value)).second) return std::nullopt;
  }
  return query;
}

void admin_query::set(std::string name, std::string value) {
  values_.insert_or_assign(std::move(name), std::move(value));
}

std::string admin_query::unknown_name(std::initializer_list<std::string_view> known) const {
  for (const auto& [name, value] : values_) {
    if (std::ranges::find(known, name) == known.end()) return name;
  }
  return {};
}

std::optional<std::string> admin_query::value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

}  // namespace presenter::gateway
