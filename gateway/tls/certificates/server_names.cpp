#include "gateway/tls/certificates/server_names.hpp"

#include <algorithm>

namespace presenter::gateway {
namespace {

// RFC 1035 §2.3.4.
constexpr std::size_t name_bytes_max = 253;
constexpr std::size_t label_bytes_max = 63;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// Underscores are no host names', but certificates and clients have them.
bool is_label(std::string_view label) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= label_bytes_max &&
         std::ranges::all_of(label, is_allowed);
}

bool is_dns_name(std::string_view name) {
  if (name.size() > name_bytes_max) return false;
  for (;;) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) break;
    name.remove_prefix(dot + 1);
  }
  // The last label of a name has a letter, that of an address has none.
  return std::ranges::any_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

std::optional<std::string> server_name_pattern(std::string_view text) {
  std::string lower = lower_case(text);
  const std::string_view name = lower;
  if (!is_dns_name(name.starts_with("*.") ? name.substr(2) : name)) return std::nullopt;
  return lower;
}

std::optional<std::size_t> server_name_index::find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string lower = lower_case(name);
  if (const auto exact = values_.find(lower); exact != values_.end()) return exact->second;
  const auto dot = lower.find('.');
  if (dot == lower.npos || dot == 0) return std::nullopt;
  lower.replace(0, dot, "*");
  if (const auto wildcard = values_.find(lower); wildcard != values_.end()) return wildcard->second;
  return std::nullopt;
}

}  // namespace presenter::gateway
