// What the admin endpoint answers: a request in, a response out. Knows no socket.
//   /healthz  200 while all threads turn, or 503 with those that do not
//   /metrics  Prometheus text, or OpenMetrics
//   /readyz   200, or 503 with the reasons       /shards   JSON: the shard map, streams, moves
//   /balance  JSON: the fleet's gateways, their clients and weights, who publishes
//   /heap     text: what malloc holds
//   /drain    JSON: how far the gateway is in being taken out
//   /whois?key=KEY                               JSON: who owns the key, its clients here
//   /what-if?add=NAME&weight=W, ?remove=NAME     JSON: what such a change would move
//   /config                                      JSON: the values in force, and where each is from
//   /status, /log-level                          JSON: how the gateway is, how loud its log is
//   /top?count=N                                 JSON: counters, the busiest clients and backends
//   /clients?key=KEY&…, /clients/TAG             JSON: who is here, see control/client_listing.hpp
//   /, /dashboard    the page for people, which /events tells what to show (admin_endpoint)
// and orders, by POST, for whoever has the right:
//   /clients/TAG/close, /clients/close?key=KEY   JSON: how many were closed
//   /log-level?level=debug (PUT as well)         JSON: the same as GET /log-level
//   /reload                                      JSON: what the configuration's file has changed
//   /drain, /drain?deadline=5m, /undrain         JSON: the same as GET /drain
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/operate/admin_answer.hpp"
#include "gateway/operate/admin_query.hpp"
#include "gateway/operate/event_feed.hpp"
#include "gateway/operate/prometheus_text.hpp"
#include "gateway/vocabulary/admin_refusal.hpp"

namespace presenter::gateway {

using admin_request = boost::beast::http::request<boost::beast::http::string_body>;
using admin_response = boost::beast::http::response<boost::beast::http::string_body>;

// Ready means: clients may be sent here. That it is overloaded or full is only noted: taken out, it
// would leave its clients to the others, who are likely to be as busy.
struct readiness {
  std::vector<std::string> missing;  // what it waits for, one clause each; empty: ready
  std::vector<std::string> notes;    // what an operator should know besides
  bool is_ready() const noexcept { return missing.empty(); }
};

using admin_reply = std::function<void(admin_response)>;

// Of whoever has sent a request.
enum class admin_right : std::uint8_t {
  scrape,      // health and metrics: there are no other pages
  show_token,  // health and metrics: for the others a token is needed
  look,        // every page, and no order
  everything,
};

// A page of JSON that the workers have a part in.
// Calls the reply once, on the control thread, now or later. May keep it longer than anybody waits.
using json_page = std::function<void(const admin_query&, json_reply)>;

// Where the pages come from. Called on the control thread, between two waits of a session; what
// they throw becomes a 500.
struct admin_content {
  std::function<readiness()> ready;
  std::function<std::string(exposition)> metrics;
  json_page shards;
  json_page whois;
  json_page what_if;
  json_page drain;
  json_page start_drain;
  json_page undo_drain;
  json_page upgrade;
  json_page start_upgrade;
  json_page balance;
  json_page configuration{};
  json_page reload{};
  // Of one client: its tag, from the path, is `tag` of the query.
  json_page clients{};
  json_page client{};
  json_page close_client{};
  json_page status{};
  json_page top{};
  json_page log_level{};
  json_page set_log_level{};
  // Why the process is better started anew, a clause each; empty: it lives.
  std::function<std::vector<std::string>()> ailments{};
  // Whoever watches from now on; nullptr: too many do.
  std::function<std::shared_ptr<event_reader>()> events{};
  std::function<void(admin_refusal)> on_refused{};
};

// Longest request target: the longest key, every byte of it percent-encoded, and the page's name.
inline constexpr std::size_t admin_target_bytes_max = 4'096;

// Takes GET and HEAD of the pages, and orders, as far as the right goes. All else is answered with
// 400, 401, 403, 404, 405 or 414, as error_answer. `reply` is called once, now or later.
void answer_admin_request(const admin_request&, const admin_content&, admin_right right,
                          admin_reply reply);

// A GET of /events: it has no end, and whoever has the connection writes it.
bool is_for_events(const admin_request&, admin_right right);

// An answer that closes the session: for a request that could not be read.
admin_response admin_error(boost::beast::http::status);

}  // namespace presenter::gateway
