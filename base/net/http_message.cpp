#include "base/net/http_message.hpp"

#include <boost/beast/core/string.hpp>

namespace presenter::net {

std::optional<std::string_view> http_reply::header(std::string_view name) const {
  for (const http_header& each : headers) {
    if (boost::beast::iequals({each.name.data(), each.name.size()}, {name.data(), name.size()}))
      return each.value;
  }
  return std::nullopt;
}

}  // namespace presenter::net
