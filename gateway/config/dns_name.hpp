// Names of DNS, as those who publish and configure them compare them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace presenter::gateway {

// In small letters, with the dot at its end. Nothing: it has an empty or too long part, or other
// characters than letters, digits, '-' and '_'.
std::optional<std::string> absolute_name(std::string_view name);

// Both absolute; a zone holds its own name.
bool is_in_zone(std::string_view name, std::string_view zone);

}  // namespace presenter::gateway
