// What the admin endpoint answers: a request in, a response out. Knows no socket.
//   /healthz  200 while the process lives        /metrics  Prometheus text
//   /readyz   200, or 503 with the reasons       /shards   JSON: the shard map in force
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway {

using admin_request = boost::beast::http::request<boost::beast::http::string_body>;
using admin_response = boost::beast::http::response<boost::beast::http::string_body>;

// Ready means: clients may be sent here.
struct readiness {
  std::vector<std::string> missing;  // what it waits for, one clause each; empty: ready
  bool is_ready() const noexcept { return missing.empty(); }
};

// Where the pages come from. Called on the control thread, between two waits of a session; what
// they throw becomes a 500.
struct admin_content {
  std::function<readiness()> ready;
  std::function<std::string()> metrics;
  std::function<std::string()> shards;  // JSON
};

// Longest request target; the longest that exists has 8 bytes.
inline constexpr std::size_t admin_target_bytes_max = 1'024;

// Takes GET and HEAD of the four pages; everything else is answered with 404, 405 or 414.
admin_response answer_admin_request(const admin_request&, const admin_content&);

// An answer that closes the session: for a request that could not be read.
admin_response admin_error(boost::beast::http::status);

}  // namespace presenter::gateway
