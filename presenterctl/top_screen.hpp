// What `gateway top` shows: one screen of text of what gateways say and of how that changes.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presenter::ctl {

struct top_sample {
  nlohmann::json page;   // of /top
  nlohmann::json rates;  // see top_rates.hpp; null: not known yet
};

struct screen_size {
  std::size_t columns = 0;  // 0: as many as there are
  std::size_t rows = 0;
};

// Lines that are cut at the size; each ends with a newline. Bytes that are no printable ASCII
// become
// '?': they may be a terminal's orders.
std::string top_screen(const std::vector<top_sample>& samples, screen_size size);

}  // namespace presenter::ctl
