#include "gateway/operate/log_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/utf8.hpp"

namespace presenter::gateway {
namespace {

// In bytes of the line; what stands around a message fits besides.
constexpr std::size_t message_bytes_max = 3'900;
constexpr std::size_t field_bytes_max = 192;
constexpr std::size_t around_bytes = 16;  // "<N>" in front of it, the end behind it
constexpr std::string_view cut_mark = "…";

std::string time_text(std::chrono::system_clock::time_point at) {
  std::array<char, log_time_bytes> text{};
  return {text.data(), put_time(text, at)};
}

// Those of C1, U+0080 to U+009F, too: terminals obey them.
bool is_control(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character.front());
  if (character.size() == 2)
    return byte == 0xc2 && static_cast<unsigned char>(character.back()) < 0xa0;
  return byte < 0x20 || byte == 0x7f;
}

// Each character as `show` appends it, and no more than so many bytes.
template <class Show>
void append_characters(std::string& out, std::string_view text, std::size_t bytes_max, Show show) {
  const std::size_t end = out.size() + bytes_max;
  bool is_cut = false;
  for_each_utf8(text.substr(0, bytes_max + 1), [&](std::string_view character) {
    if (is_cut) return;
    const std::size_t before = out.size();
    show(character);
    is_cut = out.size() > end;
    if (is_cut) out.resize(before);
  });
  if (is_cut) out += cut_mark;
}

void append_text(std::string& out, std::string_view text, std::size_t bytes_max) {
  append_characters(out, text, bytes_max, [&](std::string_view character) {
    if (is_control(character))
      out += '?';
    else
      out += character;
  });
}

void append_json(std::string& out, std::string_view text, std::size_t bytes_max) {
  out += '"';
  append_characters(out, text, bytes_max, [&](std::string_view character) {
    const char first = character.front();
    if (first == '"' || first == '\\') out += '\\';
    // The last byte of a control character of two bytes is its number.
    if (is_control(character))
      out += fmt::format("\\u{:04x}",
                         static_cast<unsigned>(static_cast<unsigned char>(character.back())));
    else
      out += character;
  });
  out += '"';
}

// A value that could be taken for something else, another field for example, is in quotes.
bool needs_quotes(std::string_view text) {
  return text.empty() || std::ranges::any_of(text, [](char c) {
           return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=';
         });
}

std::string field_text(log_format format, const log_field& field) {
  std::string out =
      fmt::format(fmt::runtime(format == log_format::json ? ",\"{}\":" : " {}="), field.name);
  if (field.is_bare || (format == log_format::text && !needs_quotes(field.text)))
    append_text(out, field.text, field_bytes_max);
  else
    append_json(out, field.text, field_bytes_max);
  return out;
}

}  // namespace

std::size_t put_time(std::span<char> into, std::chrono::system_clock::time_point at) noexcept {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t unix_time = seconds.count();
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  const std::size_t n = std::strftime(into.data(), into.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const int rest = std::snprintf(into.data() + n, into.size() - n, ".%03dZ",
                                 static_cast<int>((since - seconds).count()));
  return n + static_cast<std::size_t>(std::max(rest, 0));
}

std::string format_line(log_format format, const log_line& line) {
  const bool is_json = format == log_format::json;
  std::string out;
  if (is_json) {
    out = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"message\":", time_text(line.time),
                      line.level);
    append_json(out, line.message, message_bytes_max);
  } else {
    out = fmt::format("{} {} ", time_text(line.time), line.level);
    append_text(out, line.message, message_bytes_max);
  }
  for (const log_field& field : line.fields) {
    const std::string one = field_text(format, field);
    if (out.size() + one.size() > log_line_bytes_max - around_bytes) break;
    out += one;
  }
  return out + (is_json ? "}\n" : "\n");
}

}  // namespace presenter::gateway
