// Text from outside as a number.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace presenter {

// Nothing: the whole of `text` is no number of this type, or one that does not fit it. `base` is
// that of an integer.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number{};
  const char* const behind = text.data() + text.size();
  std::from_chars_result read{};
  if constexpr (std::is_integral_v<Number>)
    read = std::from_chars(text.data(), behind, number, base);
  else
    read = std::from_chars(text.data(), behind, number);
  if (read.ec != std::errc{} || read.ptr != behind) return std::nullopt;
  return number;
}

}  // namespace presenter
