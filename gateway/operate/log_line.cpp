#include "gateway/operate/log_line.hpp"

#include <fmt/format.h>

#include <ctime>

#include "base/utf8.hpp"

namespace presenter::gateway {
namespace {

// In bytes of the line; what stands around a message fits besides.
constexpr std::size_t message_bytes_max = 3'900;
constexpr std::string_view cut_mark = "…";

std::string time_text(std::chrono::system_clock::time_point at) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t unix_time = seconds.count();
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     (since - seconds).count());
}

// Those of C1, U+0080 to U+009F, too: terminals obey them.
bool is_control(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character.front());
  if (character.size() == 2)
    return byte == 0xc2 && static_cast<unsigned char>(character.back()) < 0xa0;
  return byte < 0x20 || byte == 0x7f;
}

// Whole characters, of no more than so many bytes.
void append_text(std::string& out, std::string_view text, std::size_t bytes_max) {
  const std::size_t end = out.size() + bytes_max;
  bool is_cut = false;
  for_each_utf8(text.substr(0, bytes_max + 1), [&](std::string_view character) {
    const std::string_view shown = is_control(character) ? "?" : character;
    is_cut = is_cut || out.size() + shown.size() > end;
    if (!is_cut) out += shown;
  });
  if (is_cut) out += cut_mark;
}

}  // namespace

std::string format_line(const log_line& line) {
  std::string out = fmt::format("{} {} ", time_text(line.time), line.level);
  append_text(out, line.message, message_bytes_max);
  return out + "\n";
}

}  // namespace presenter::gateway
