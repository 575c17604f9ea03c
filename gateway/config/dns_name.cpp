#include "gateway/config/dns_name.hpp"

#include <algorithm>
#include <cstddef>

namespace presenter::gateway {
namespace {

constexpr std::size_t label_bytes_max = 63;  // RFC 1035 §2.3.4
constexpr std::size_t name_chars_max = 254;  // 255 bytes on the wire

bool is_of_label(char each) {
  return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') || each == '-' || each == '_';
}

}  // namespace

std::optional<std::string> absolute_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string absolute;
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > label_bytes_max) return std::nullopt;
    for (const char each : label)
      absolute += each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
    absolute += '.';
    if (label.size() == name.size()) break;
    name.remove_prefix(label.size() + 1);
  }
  const bool is_fit =
      std::ranges::all_of(absolute, [](char each) { return each == '.' || is_of_label(each); });
  if (!is_fit || absolute.size() > name_chars_max) return std::nullopt;
  return absolute;
}

bool is_in_zone(std::string_view name, std::string_view zone) {
  return name.ends_with(zone) &&
         (name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.');
}

}  // namespace presenter::gateway
