// Why a reply of the service could not be read, as boost error codes. All of them are the
// service's, or of whoever stands between, and end one call.
#pragma once

#include <boost/system/error_code.hpp>

namespace presenter::gateway::route53 {

enum class errc {
  xml_malformed = 1,  // it is cut, or no XML
  xml_unsupported,    // a document type or CDATA, which the service never sends
  xml_too_deep,       // more levels than the service's documents have
  xml_too_large,      // more elements than such a document can have
  element_missing,    // an element that must be there is not
  element_invalid,    // its text is not what it must be
};

const boost::system::error_category& error_category() noexcept;
boost::system::error_code make_error_code(errc) noexcept;

}  // namespace presenter::gateway::route53

template <>
struct boost::system::is_error_code_enum<presenter::gateway::route53::errc> : std::true_type {};
