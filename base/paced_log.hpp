// The log's lines that may come again and again, at a pace.
#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "base/log_pace.hpp"

namespace presenter {

// The line, unless the pace holds it back; at level debug nothing is. Every line of the log that is
// not said once in a life goes this way (tests/tidy).
template <class... Values>
void log_paced(log_pace& pace, spdlog::level::level_enum level,
               fmt::format_string<Values...> format, Values&&... values) {
  if (!spdlog::should_log(level)) return;
  const auto unsaid = pace.admit(std::chrono::steady_clock::now());
  if (!unsaid && !spdlog::should_log(spdlog::level::debug)) return;
  spdlog::log(
      level, fmt::format(format, std::forward<Values>(values)...) + more_since(unsaid.value_or(0)));
}

}  // namespace presenter
