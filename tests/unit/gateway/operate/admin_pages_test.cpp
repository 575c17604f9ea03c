#include "gateway/operate/admin_pages.hpp"

#include <gmock/gmock.h>

#include <boost/beast/http/field.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace presenter::gateway {
namespace {

namespace http = boost::beast::http;
using http::status;
using http::verb;

class AdminPages : public testing::Test {
 protected:
  admin_response ask(verb method, const std::string& target) const {
    return answer_to(admin_request{method, target, 11});
  }
  admin_response answer_to(const admin_request& request) const {
    std::optional<admin_response> response;
    answer_admin_request(request, content_, right_,
                         [&response](admin_response made) { response = std::move(made); });
    return response.value();
  }

  static json_page json(std::string body) {
    return [body = std::move(body)](const admin_query&, const json_reply& reply) {
      reply({status::ok, body});
    };
  }

  // Says who was meant.
  static json_page tag_of(std::string what) {
    return [what = std::move(what)](const admin_query& query, const json_reply& reply) {
      reply({status::ok,
             what + " " + query.value("tag").value_or("?" + query.value("key").value_or(""))});
    };
  }

  readiness state_;
  admin_content content_{.ready = [this] { return state_; },
                         .metrics =
                             [](exposition format) {
                               return std::string(format == exposition::open_metrics
                                                      ? "# EOF\n"
                                                      : "presenter_ready 1\n");
                             },
                         .shards = json(R"({"epoch":7})"),
                         .whois =
                             [](const admin_query& query, const json_reply& reply) {
                               reply({status::not_found, query.value("key").value_or("none")});
                             },
                         .what_if = json("{}"),
                         .drain = json(R"({"state":"up"})"),
                         .start_drain =
                             [](const admin_query& query, const json_reply& reply) {
                               reply({status::ok, query.value("deadline").value_or("none")});
                             },
                         .undo_drain = json(R"({"state":"undone"})"),
                         .upgrade = json("{}"),
                         .start_upgrade = json("{}"),
                         .balance = json(R"({"gateways":[]})"),
                         .clients = json(R"({"clients":[]})"),
                         .client = tag_of("client"),
                         .close_client = tag_of("closed"),
                         .log_level = json("info"),
                         .set_log_level = json("debug")};
  admin_right right_ = admin_right::everything;
};

TEST_F(AdminPages, ServeTheBalance) {
  EXPECT_EQ(ask(verb::get, "/balance").body(), R"({"gateways":[]})");
}

TEST_F(AdminPages, TheDashboardTakesNothingFromElsewhere) {
  for (const char* path : {"/", "/dashboard", "/dashboard.css", "/dashboard.js"}) {
    const auto file = ask(verb::get, path);
    EXPECT_EQ(file.result(), status::ok) << path;
    EXPECT_FALSE(file.body().empty()) << path;
    EXPECT_THAT(std::string(file["Content-Security-Policy"]),
                testing::StartsWith("default-src 'none'"));
    EXPECT_EQ(file["X-Content-Type-Options"], "nosniff");
    EXPECT_THAT(file.body(), testing::Not(testing::HasSubstr("https://"))) << path;
  }
}

// Its files hold no figures; those come by /events.
TEST_F(AdminPages, WhoHasNoTokenIsShownTheFormForIt) {
  const admin_request events{verb::get, "/events", 11};
  EXPECT_TRUE(is_for_events(events, admin_right::everything));
  EXPECT_TRUE(is_for_events(events, admin_right::look));
  right_ = admin_right::show_token;
  EXPECT_EQ(ask(verb::get, "/dashboard").result(), status::ok);
  EXPECT_EQ(ask(verb::get, "/events").result(), status::unauthorized);
  EXPECT_FALSE(is_for_events(events, right_));
  right_ = admin_right::scrape;
  EXPECT_EQ(ask(verb::get, "/dashboard").result(), status::not_found);
  EXPECT_FALSE(is_for_events(events, right_));
}

TEST_F(AdminPages, HealthSaysWhatAils) {
  content_.ailments = [] { return std::vector<std::string>{"worker 1 is stuck", "so is 2"}; };
  const auto page = ask(verb::get, "/healthz");
  EXPECT_EQ(page.result(), status::service_unavailable);
  EXPECT_EQ(page.body(), "not ok\nworker 1 is stuck\nso is 2\n");
  content_.ailments = [] { return std::vector<std::string>(); };
  EXPECT_EQ(ask(verb::get, "/healthz").body(), "ok\n");
}

// Browsers would keep all sessions that there are.
TEST_F(AdminPages, NoSessionIsKeptForThePagesFiles) {
  for (const auto* file : {"/", "/dashboard", "/dashboard.css", "/dashboard.js"})
    EXPECT_FALSE(ask(verb::get, file).keep_alive()) << file;
  EXPECT_TRUE(ask(verb::get, "/shards").keep_alive());
}

TEST_F(AdminPages, ServeHealthMetricsAndShards) {
  EXPECT_EQ(ask(verb::get, "/healthz").body(), "ok\n");
  const auto metrics = ask(verb::get, "/metrics");
  EXPECT_EQ(metrics.body(), "presenter_ready 1\n");
  EXPECT_EQ(metrics[http::field::content_type], "text/plain; version=0.0.4; charset=utf-8");
  const auto shards = ask(verb::get, "/shards");
  EXPECT_EQ(shards.body(), R"({"epoch":7})");
  EXPECT_EQ(shards[http::field::content_type], "application/json");
  EXPECT_EQ(shards[http::field::cache_control], "no-store");
}

TEST_F(AdminPages, ServeOpenMetricsToThoseWhoNameIt) {
  const auto type_for = [this](const char* accept) {
    admin_request request{verb::get, "/metrics", 11};
    request.set(http::field::accept, accept);
    const auto response = answer_to(request);
    EXPECT_EQ(response.body() == "# EOF\n", response[http::field::content_type].starts_with("app"));
    return std::string(response[http::field::content_type]);
  };
  const std::string open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const std::string plain = "text/plain; version=0.0.4; charset=utf-8";
  // Prometheus 2.42 and 3.
  EXPECT_EQ(type_for("application/openmetrics-text;version=1.0.0,"
                     "application/openmetrics-text;version=0.0.1;q=0.75,"
                     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            open);
  EXPECT_EQ(type_for("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                     "text/plain;version=1.0.0;q=0.3,*/*;q=0.2"),
            open);
  EXPECT_EQ(type_for("Application/OpenMetrics-Text ; Version = 1.0.0"), open);
  for (const auto* other :
       {"", "*/*", "text/plain", "application/openmetrics-text;q=0", "application/*", ",;=,",
        "application/openmetrics-text;q=nonsense", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0.4, text/plain;q=0.5", "text/html"})
    EXPECT_EQ(type_for(other), plain) << other;
}

TEST_F(AdminPages, TakeOrdersFromProgramsOnThisMachineOnly) {
  EXPECT_EQ(ask(verb::get, "/drain").body(), R"({"state":"up"})");
  EXPECT_EQ(ask(verb::post, "/drain").body(), "none");
  EXPECT_EQ(ask(verb::post, "/drain?deadline=5m").body(), "5m");
  EXPECT_EQ(ask(verb::post, "/undrain").body(), R"({"state":"undone"})");
  right_ = admin_right::look;
  EXPECT_EQ(ask(verb::get, "/drain").body(), R"({"state":"up"})") << "reading is for all";
  const auto refused = ask(verb::post, "/drain");
  EXPECT_EQ(refused.result(), status::forbidden);
  EXPECT_EQ(refused.body(),
            "{\"error\":\"orders are taken from programs on this machine only\"}\n");
  right_ = admin_right::everything;
  admin_request of_a_page{verb::post, "/drain", 11};
  of_a_page.set(http::field::origin, "https://elsewhere.example");
  EXPECT_EQ(answer_to(of_a_page).result(), status::forbidden) << "a browser says whose it is";
}

TEST_F(AdminPages, FindAClientByTheTagInThePath) {
  EXPECT_EQ(ask(verb::get, "/clients?count=1").body(), R"({"clients":[]})");
  EXPECT_EQ(ask(verb::get, "/clients/g:1-a-0-17").body(), "client g:1-a-0-17");
  EXPECT_EQ(ask(verb::get, "/clients/a%2Fb%20c").body(), "client a/b c");
  EXPECT_EQ(ask(verb::get, "/clients/x?tag=y").body(), "client x") << "the path counts";
  EXPECT_EQ(ask(verb::post, "/clients/g-1/close").body(), "closed g-1");
  EXPECT_EQ(ask(verb::post, "/clients/close?key=k").body(), "closed ?k");
  EXPECT_EQ(ask(verb::get, "/clients/%zz").result(), status::bad_request);
  for (const auto* nothing : {"/clients/", "/clients/a/b", "/clients//close", "/clients/a/close/"})
    EXPECT_EQ(ask(verb::get, nothing).result(), status::not_found) << nothing;
  EXPECT_EQ(ask(verb::get, "/clients/g-1/close").result(), status::method_not_allowed);
  EXPECT_EQ(ask(verb::post, "/clients/g-1").result(), status::method_not_allowed);
}

TEST_F(AdminPages, TakePutWhereItIsAnOrder) {
  EXPECT_EQ(ask(verb::put, "/log-level?level=debug").body(), "debug");
  EXPECT_EQ(ask(verb::post, "/log-level?level=debug").body(), "debug");
  EXPECT_EQ(ask(verb::get, "/log-level").body(), "info");
  EXPECT_EQ(ask(verb::delete_, "/log-level")[http::field::allow], "GET, HEAD, POST, PUT");
}

TEST_F(AdminPages, ShowHealthAndMetricsWithoutAToken) {
  std::vector<admin_refusal> refused;
  content_.on_refused = [&refused](admin_refusal why) { refused.push_back(why); };
  right_ = admin_right::show_token;
  for (const auto* open : {"/healthz", "/readyz", "/metrics"})
    EXPECT_EQ(ask(verb::get, open).result(), status::ok) << open;
  EXPECT_TRUE(refused.empty());
  for (const auto* closed : {"/status", "/clients", "/drain", "/heap", "/none"}) {
    const auto answer = ask(verb::get, closed);
    EXPECT_EQ(answer.result(), status::unauthorized) << closed;
    EXPECT_EQ(answer[http::field::www_authenticate], "Bearer");
  }
  EXPECT_EQ(ask(verb::post, "/drain").result(), status::unauthorized);
  EXPECT_EQ(refused.size(), 6U);
  EXPECT_EQ(refused.back(), admin_refusal::token);
}

TEST_F(AdminPages, HaveNothingElseWhereTheyAreForScrapingAlone) {
  right_ = admin_right::scrape;
  EXPECT_EQ(ask(verb::get, "/metrics").result(), status::ok);
  EXPECT_EQ(ask(verb::get, "/healthz").result(), status::ok);
  EXPECT_EQ(ask(verb::get, "/shards").result(), status::not_found);
  EXPECT_EQ(ask(verb::post, "/drain").result(), status::not_found);
}

TEST_F(AdminPages, RefuseInOneShape) {
  right_ = admin_right::look;
  for (const auto& [method, target] :
       {std::pair{verb::get, "/none"}, std::pair{verb::post, "/metrics"},
        std::pair{verb::get, "/whois?key=%"}, std::pair{verb::post, "/drain"},
        std::pair{verb::get, "/status"}}) {
    const auto response = ask(method, target);
    EXPECT_EQ(response[http::field::content_type], "application/json") << target;
    EXPECT_THAT(response.body(), testing::MatchesRegex("\\{\"error\":\"[^\"]+\"\\}\n")) << target;
  }
}

TEST_F(AdminPages, SayWhichMethodsAPageTakes) {
  EXPECT_EQ(ask(verb::get, "/undrain").result(), status::method_not_allowed);
  EXPECT_EQ(ask(verb::get, "/undrain")[http::field::allow], "POST");
  EXPECT_EQ(ask(verb::put, "/drain")[http::field::allow], "GET, HEAD, POST");
  EXPECT_EQ(ask(verb::post, "/metrics").result(), status::method_not_allowed);
  EXPECT_EQ(ask(verb::post, "/metrics")[http::field::allow], "GET, HEAD");
}

TEST_F(AdminPages, CountWhatIsAllocated) {
  const auto used = [this] {
    const std::string body = ask(verb::get, "/heap").body();
    EXPECT_TRUE(body.starts_with("used_bytes ")) << body;
    EXPECT_NE(body.find("\nfree_bytes "), std::string::npos) << body;
    return std::stoull(body.substr(sizeof "used_bytes"));
  };
  constexpr std::size_t bytes = 8 * 1'024 * 1'024;
  const auto before = used();
  const auto held = std::make_unique<char[]>(bytes);
  const auto after = used();
  // A sanitizer has its own malloc, of which glibc knows nothing.
  if (before != 0) {
    EXPECT_GE(after, before + bytes);
  }
}

TEST_F(AdminPages, SayWhatReadinessWaitsFor) {
  EXPECT_EQ(ask(verb::get, "/readyz").result(), status::ok);
  state_.missing = {"no shard map yet", "draining"};
  const auto response = ask(verb::get, "/readyz");
  EXPECT_EQ(response.result(), status::service_unavailable);
  EXPECT_EQ(response.body(), "not ready\nno shard map yet\ndraining\n");
  EXPECT_EQ(ask(verb::get, "/healthz").result(), status::ok);
}

TEST_F(AdminPages, SayThatItIsOverloadedWithoutSendingClientsElsewhere) {
  EXPECT_EQ(ask(verb::get, "/readyz").body(), "ready\n");
  state_.notes = {"overloaded"};
  EXPECT_EQ(ask(verb::get, "/readyz").result(), status::ok);
  EXPECT_EQ(ask(verb::get, "/readyz").body(), "ready\nnote: overloaded\n");
}

TEST_F(AdminPages, AnswerHeadWithTheLengthAndNoBody) {
  const auto response = ask(verb::head, "/metrics");
  EXPECT_EQ(response.result(), status::ok);
  EXPECT_EQ(response[http::field::content_length], "18");
  EXPECT_EQ(response.body(), "");
}

TEST_F(AdminPages, IgnoreTheQuery) {
  EXPECT_EQ(ask(verb::get, "/healthz?probe=1").result(), status::ok);
}

TEST_F(AdminPages, PassTheQueryOnDecoded) {
  EXPECT_EQ(ask(verb::get, "/whois?key=a%26b%3d%2F+%c3%a4").body(), "a&b=/+\xc3\xa4");
  EXPECT_EQ(ask(verb::get, "/whois?other=1&key=&").body(), "");
  EXPECT_EQ(ask(verb::get, "/whois").body(), "none");
  EXPECT_EQ(ask(verb::get, "/whois?key").body(), "");
  EXPECT_EQ(ask(verb::get, "/whois?key=1").result(), status::not_found);
  EXPECT_EQ(ask(verb::head, "/whois?key=12345")[http::field::content_length], "5");
}

TEST_F(AdminPages, RefuseAQueryThatCannotBeRead) {
  for (const auto* query : {"key=%", "key=%4", "key=%zz", "key=%+1", "%f=1", "key=1&key=2"})
    EXPECT_EQ(ask(verb::get, std::string("/whois?") + query).result(), status::bad_request)
        << query;
}

TEST_F(AdminPages, KnowNoOthers) {
  for (const auto* target :
       {"", "*", "/healthz/", "/metrics/x", "healthz", "http://a/healthz", "/%68ealthz"})
    EXPECT_EQ(ask(verb::get, target).result(), status::not_found) << target;
}

TEST_F(AdminPages, OnlyRead) {
  for (const auto method : {verb::post, verb::put, verb::delete_, verb::options, verb::connect}) {
    const auto response = ask(method, "/healthz");
    EXPECT_EQ(response.result(), status::method_not_allowed);
    EXPECT_EQ(response[http::field::allow], "GET, HEAD");
  }
}

TEST_F(AdminPages, LimitTheTarget) {
  EXPECT_EQ(ask(verb::get, "/healthz?" + std::string(admin_target_bytes_max, 'a')).result(),
            status::uri_too_long);
}

TEST_F(AdminPages, TurnAnExceptionInto500) {
  content_.shards = [](const admin_query&, const json_reply&) {
    throw std::runtime_error("no map");
  };
  const auto response = ask(verb::get, "/shards");
  EXPECT_EQ(response.result(), status::internal_server_error);
  EXPECT_THAT(response.body(), testing::Not(testing::HasSubstr("no map")));
}

TEST_F(AdminPages, KeepTheSessionAsTheClientAsks) {
  EXPECT_TRUE(ask(verb::get, "/healthz").keep_alive());
  admin_request request{verb::get, "/healthz", 11};
  request.keep_alive(false);
  EXPECT_FALSE(answer_to(request).keep_alive());
  EXPECT_FALSE(answer_to(admin_request{verb::get, "/healthz", 10}).keep_alive());
  EXPECT_FALSE(admin_error(status::bad_request).keep_alive());
}

}  // namespace
}  // namespace presenter::gateway
