// What a page of JSON is answered with, and the one shape of everything that is refused.
#pragma once

#include <boost/beast/http/status.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace presenter::gateway {

struct json_answer {
  boost::beast::http::status status = boost::beast::http::status::ok;
  std::string body;
};
using json_reply = std::function<void(json_answer)>;

// {"error": why}. `why` may hold any bytes.
json_answer error_answer(boost::beast::http::status status, std::string_view why);

}  // namespace presenter::gateway
