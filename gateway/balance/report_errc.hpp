// What can be wrong with another gateway's load report, as boost error codes. Each enumerator says:
// cause · blame · what it does.
#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

namespace presenter::gateway {

// All of them: whoever wrote the node · that report is left out, the others count.
enum class report_errc {
  too_large = 1,      // above report_bytes_max
  not_json,           // not a JSON object
  name_invalid,       // the node's name cannot be a gateway's
  addresses_invalid,  // not a list of addresses that clients could connect to, or too many
  number_invalid,     // missing, or outside its range
  state_invalid,      // missing, or none of gateway_state_names
};

const boost::system::error_category& report_error_category() noexcept;
boost::system::error_code make_error_code(report_errc) noexcept;

// The enumerator's own name: metrics labels and logs.
std::string_view name_of(report_errc) noexcept;

}  // namespace presenter::gateway

template <>
struct boost::system::is_error_code_enum<presenter::gateway::report_errc> : std::true_type {};
