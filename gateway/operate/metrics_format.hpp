// In which format a scraper wants the page of metrics: from its Accept header.
#pragma once

#include <string_view>

#include "gateway/operate/prometheus_text.hpp"

namespace presenter::gateway {

// OpenMetrics only for those who name it, in a version that we write, and like it no less than
// plain text.
exposition wanted_exposition(std::string_view accept);

std::string_view content_type_of(exposition format);

}  // namespace presenter::gateway
