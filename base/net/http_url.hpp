// "https://host[:port][/path]": where a request goes.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace presenter::net {

struct http_url {
  bool is_tls = true;
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 443;
  std::string target = "/";  // path and query

  // As the header Host has it: with the port unless it is the scheme's own.
  std::string authority() const;
};

// errc::url_invalid: another scheme, a user's name, a fragment, a port out of range, characters
// that must be encoded.
boost::system::result<http_url> parse_http_url(std::string_view text);

}  // namespace presenter::net
