// Where library_log.hpp hands its lines to: the handler of log_handler.hpp. Without fmt, which a
// program that only has streams does not need.
#pragma once

#include <string_view>

#include "base/export.hpp"
#include "base/log_handler.hpp"

namespace presenter {

PRESENTER_EXPORT bool is_said(log_level level);
PRESENTER_EXPORT void say_line(log_level level, std::string_view line);

}  // namespace presenter
