#include "gateway/balance/route53/service_failure.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/error.hpp>

#include "base/net/errc.hpp"

namespace presenter::gateway::route53 {
namespace {

using namespace std::chrono_literals;

const sys_seconds some_time = std::chrono::sys_days(2026y / 11 / 28) + 21h + 35min + 34s;

net::http_reply refused(unsigned status, const std::string& code, const std::string& message = "") {
  return {.status = status,
          .headers = {{"Date", "Sat, 28 Nov 2026 21:35:34 GMT"}},
          .body = fmt::format("<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error>"
                              "</ErrorResponse>",
                              code, message)};
}

publish_errc kind(unsigned status, const std::string& code, const std::string& message = "") {
  return failure_of(refused(status, code, message), some_time).error;
}

TEST(Route53Failure, IsNamedByTheServicesCode) {
  // Both are 400, as any mistake of ours.
  EXPECT_EQ(kind(400, "Throttling"), publish_errc::throttled);
  EXPECT_EQ(kind(400, "PriorRequestNotComplete"), publish_errc::busy);
  EXPECT_EQ(kind(403, "AccessDenied"), publish_errc::denied);
  EXPECT_EQ(kind(403, "SignatureDoesNotMatch"), publish_errc::denied);
  EXPECT_EQ(kind(404, "NoSuchHostedZone"), publish_errc::unknown_zone);
  EXPECT_EQ(kind(400, "InvalidChangeBatch", "RRSet x is not permitted in zone y"),
            publish_errc::not_in_zone);
  EXPECT_EQ(kind(400, "InvalidChangeBatch", "tried to delete x but it was not found"),
            publish_errc::conflicting_record);
  EXPECT_EQ(kind(400, "Unheard"), publish_errc::invalid_reply);
}

TEST(Route53Failure, IsNamedByItsStatusWhereItIsNotTheServicesOwn) {
  EXPECT_EQ(failure_of({.status = 503, .headers = {}, .body = "<html>"}, some_time).error,
            publish_errc::unreachable);
  EXPECT_EQ(failure_of({.status = 429, .headers = {}, .body = ""}, some_time).error,
            publish_errc::throttled);
  EXPECT_EQ(failure_of({.status = 403, .headers = {}, .body = ""}, some_time).error,
            publish_errc::denied);
  EXPECT_EQ(failure_of({.status = 302, .headers = {}, .body = ""}, some_time).error,
            publish_errc::invalid_reply);
}

TEST(Route53Failure, SaysWhatTheServiceSaid) {
  EXPECT_EQ(failure_of(refused(400, "Throttling", "Rate\nexceeded"), some_time).text,
            "HTTP 400 Throttling: Rate exceeded");
  EXPECT_LT(failure_of(refused(400, "Throttling", std::string(9'999, 'x')), some_time).text.size(),
            600u);
}

TEST(Route53Failure, WaitsAsLongAsTheServiceAsks) {
  net::http_reply reply = refused(400, "Throttling");
  EXPECT_EQ(failure_of(reply, some_time).retry_after, std::nullopt);
  reply.headers.push_back({"retry-after", "7"});
  EXPECT_EQ(failure_of(reply, some_time).retry_after, std::chrono::seconds(7));
  for (const char* bad : {"", "-1", "x", "7s", "9999999"}) {
    reply.headers.back().value = bad;
    EXPECT_EQ(failure_of(reply, some_time).retry_after, std::nullopt) << bad;
  }
}

TEST(Route53Failure, NamesAClockThatIsWrong) {
  const auto reply = refused(403, "SignatureDoesNotMatch", "Signature expired");
  EXPECT_EQ(failure_of(reply, some_time + 5min).text,
            "HTTP 403 SignatureDoesNotMatch: Signature expired");
  EXPECT_EQ(failure_of(reply, some_time + 1h).text,
            "this machine's clock is 3600 s ahead of that of the service, which takes 300 s at "
            "most; set the clock: HTTP 403 SignatureDoesNotMatch: Signature expired");
  EXPECT_NE(failure_of(reply, some_time - 1h).text.find("3600 s behind"), std::string::npos);
  EXPECT_EQ(failure_of(refused(400, "Throttling"), some_time - 1h).text.find("clock"),
            std::string::npos);
}

TEST(Route53Failure, OfARequestIsNamedByWhatFailed) {
  const auto kind_of = [](boost::system::error_code error) {
    return failure_of(net::http_outcome{.error = error, .text = "x", .reply = {}}).error;
  };
  EXPECT_EQ(kind_of(boost::asio::error::timed_out), publish_errc::timed_out);
  EXPECT_EQ(kind_of(boost::asio::error::connection_refused), publish_errc::unreachable);
  EXPECT_EQ(kind_of(net::errc::name_unknown), publish_errc::unreachable);
  EXPECT_EQ(kind_of(net::errc::tls_failed), publish_errc::unreachable);
  EXPECT_EQ(kind_of(net::errc::reply_cut_short), publish_errc::unreachable);
  EXPECT_EQ(kind_of(net::errc::reply_invalid), publish_errc::invalid_reply);
  EXPECT_EQ(kind_of(net::errc::reply_too_large), publish_errc::invalid_reply);
}

TEST(Route53Failure, LeavesOpenWhatWasDoneUnlessTheRequestWasTurnedAway) {
  EXPECT_TRUE(is_unchanged_after(publish_errc::throttled));
  EXPECT_TRUE(is_unchanged_after(publish_errc::busy));
  EXPECT_TRUE(is_unchanged_after(publish_errc::denied));
  EXPECT_FALSE(is_unchanged_after(publish_errc::unreachable));
  EXPECT_FALSE(is_unchanged_after(publish_errc::timed_out));
  EXPECT_FALSE(is_unchanged_after(publish_errc::conflicting_record));
}

TEST(Route53Failure, ReadsHttpDates) {
  EXPECT_EQ(parse_http_date("Sat, 28 Nov 2026 21:35:34 GMT"), some_time);
  EXPECT_EQ(parse_http_date("yesterday"), std::nullopt);
  EXPECT_EQ(parse_http_date(""), std::nullopt);
}

}  // namespace
}  // namespace presenter::gateway::route53
