// How the libraries say something: by the handler that the program has set, or not at all.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log_pace.hpp"
#include "base/log_target.hpp"

namespace presenter {

// For what is said once in a life, or once for each change of it.
template <class... Values>
void say(log_level level, fmt::format_string<Values...> format, Values&&... values) {
  if (is_said(level)) say_line(level, fmt::format(format, std::forward<Values>(values)...));
}

// For what could come again and again: as log_paced of paced_log.hpp.
template <class... Values>
void say_paced(log_pace& pace, log_level level, fmt::format_string<Values...> format,
               Values&&... values) {
  if (!is_said(level)) return;
  const auto unsaid = pace.admit(std::chrono::steady_clock::now());
  if (!unsaid && !is_said(log_level::debug)) return;
  say_line(level,
           fmt::format(format, std::forward<Values>(values)...) + more_since(unsaid.value_or(0)));
}

}  // namespace presenter
