#include "gateway/operate/dashboard_page.hpp"

#include "dashboard_constants.h"

namespace presenter::gateway {

std::optional<dashboard_file> find_dashboard_file(std::string_view path) {
  if (path == "/" || path == "/dashboard")
    return dashboard_file{"text/html; charset=utf-8", dashboard_files::html};
  if (path == "/dashboard.css")
    return dashboard_file{"text/css; charset=utf-8", dashboard_files::css};
  if (path == "/dashboard.js")
    return dashboard_file{"text/javascript; charset=utf-8", dashboard_files::js};
  return std::nullopt;
}

}  // namespace presenter::gateway
