// What comes of a look-up, and why a name has no address, as boost error codes. Each enumerator
// says: cause · blame · what it does.
#pragma once

#include <boost/system/error_code.hpp>

namespace presenter::net {

// Of a look-up, the later ones are the graver: of two families' answers the graver one is told.
enum class errc {
  name_invalid = 1,     // no name that can be asked for · who configured it · asked again later
  name_unknown,         // it does not exist, or has no address · DNS · asked again later
  name_servers_failed,  // they refuse, or nobody listens there · DNS · asked again later
  lookup_timed_out,     // no answer in time · DNS · asked again later
  lookup_under_way,     // no answer yet · DNS · the last good addresses are used meanwhile
  no_address,           // a connector was given none · its caller · nothing is connected
  // Of a request over HTTP; each ends that request.
  url_invalid,      // no URL that can be asked · who configured it
  tls_failed,       // its certificate, or its TLS · the service, or which certificates are trusted
  reply_cut_short,  // the connection ended before the reply was whole · the service
  reply_invalid,    // the reply is no HTTP · the service
  reply_too_large,  // the reply is larger than was allowed · the service
};

// For counters.
enum class lookup_result { found, failed, timed_out };

const boost::system::error_category& error_category() noexcept;
boost::system::error_code make_error_code(errc) noexcept;

}  // namespace presenter::net

template <>
struct boost::system::is_error_code_enum<presenter::net::errc> : std::true_type {};
