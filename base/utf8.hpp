// Text from outside, for readers that take nothing but UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace presenter {

// What stands in the place of a byte that is none.
inline constexpr std::string_view utf8_replacement = "\xef\xbf\xbd";

// How many bytes the character takes with which `text` begins, 1 to 4; 0: none does. Overlong
// forms, halves of surrogates and numbers above 10FFFF are none: RFC 3629.
constexpr std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto is_tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0U) == 0x80U; };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || !is_tail(1)) return 0;
  if (first < 0xe0) return 2;
  const unsigned second = byte(1);
  if (first < 0xf0) {
    const bool is_wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
    return !is_wrong && is_tail(2) ? 3 : 0;
  }
  const bool is_wrong =
      first > 0xf4 || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return !is_wrong && is_tail(2) && is_tail(3) ? 4 : 0;
}

// Shows each character of `text` to `take`, as it is or its replacement.
template <class Take>
void for_each_utf8(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    take(n == 0 ? utf8_replacement : text.substr(0, n));
    text.remove_prefix(n == 0 ? 1 : n);
  }
}

}  // namespace presenter
