#include "gateway/operate/admin_answer.hpp"

#include <nlohmann/json.hpp>

namespace presenter::gateway {

json_answer error_answer(boost::beast::http::status status, std::string_view why) {
  using nlohmann::json;
  return {status, json{{"error", why}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

}  // namespace presenter::gateway
