// The files of the page that a browser shows. Whoever may not see figures may have them: they hold
// none.
#pragma once

#include <optional>
#include <string_view>

namespace presenter::gateway {

struct dashboard_file {
  std::string_view content_type;
  std::string_view text;
};

// Of "/", "/dashboard", "/dashboard.css" and "/dashboard.js". Nothing: another path.
std::optional<dashboard_file> find_dashboard_file(std::string_view path);

}  // namespace presenter::gateway
