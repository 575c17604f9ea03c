// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace presenter::ctl {

// "3 min 20 s"; `nothing` for null.
std::string time_of(const nlohmann::json& seconds, std::string_view nothing);

// "420 us", "1.3 ms", "2.5 s".
std::string short_time_of(double seconds);

// "812 B", "1.5 KB", "3.2 GB": of 1,000 each.
std::string bytes_of(double bytes);

}  // namespace presenter::ctl
