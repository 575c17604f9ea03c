// A request and its reply, as a client of HTTP/1.1 has them: texts only, nothing of how they
// travel.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::net {

struct http_header {
  std::string name;
  std::string value;
};

struct http_request {
  std::string method = "GET";
  std::string target = "/";  // path and query, encoded
  std::vector<http_header> headers;
  std::string body;
};

struct http_reply {
  unsigned status = 0;
  std::vector<http_header> headers;
  std::string body;

  // Whatever the case of its letters; nothing: there is none.
  std::optional<std::string_view> header(std::string_view name) const;
};

}  // namespace presenter::net
