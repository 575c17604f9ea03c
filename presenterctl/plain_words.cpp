#include "presenterctl/plain_words.hpp"

#include <fmt/format.h>

#include <array>

namespace presenter::ctl {

std::string time_of(const nlohmann::json& seconds, std::string_view nothing) {
  if (seconds.is_null()) return std::string(nothing);
  const auto whole = static_cast<std::int64_t>(seconds.get<double>() + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3'600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3'600, whole % 3'600 / 60);
}

std::string short_time_of(double seconds) {
  if (seconds < 0.000'999'5) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 0.999'5) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.1f} s", seconds);
}

std::string bytes_of(double bytes) {
  constexpr std::array units{"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1'000;
    ++unit;
  }
  return fmt::format(fmt::runtime(unit == 0 ? "{:.0f} {}" : "{:.1f} {}"), bytes, units[unit]);
}

}  // namespace presenter::ctl
