#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "presenterctl/drain_watch.hpp"
#include "presenterctl/gateway_query.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

TEST(TextTable, IsAsWideAsItsWidestCells) {
  text_table table({{"NAME"}, {"COUNT", text_table::align::right}, {"LAST"}});
  table.add({"a", "12345678", ""});
  table.add({"longer", "1", "x"});
  EXPECT_EQ(table.to_string(),
            "NAME       COUNT  LAST\n"
            "a       12345678\n"
            "longer         1  x\n");
}

TEST(GatewayQuery, EncodesEverythingThatIsNotPlain) {
  EXPECT_EQ(percent_encoded("Az09-._~"), "Az09-._~");
  EXPECT_EQ(percent_encoded("a b&c=d/%+"), "a%20b%26c%3Dd%2F%25%2B");
  EXPECT_EQ(percent_encoded("\xc3\xa4\x01"), "%C3%A4%01");
}

TEST(GatewayQuery, ReadsAddresses) {
  const auto plain = parse_gateway("gw-1.example:9100");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "gw-1.example");
  EXPECT_EQ(plain->port, 9100);
  EXPECT_EQ(parse_gateway("[::1]:9100")->host, "::1");
  EXPECT_EQ(parse_gateway("unix:/run/presenter/g:443.sock")->path, "/run/presenter/g:443.sock");
  EXPECT_EQ(plain->path, "");
  for (const auto* wrong : {"", ":", "host", "host:", ":1", "host:x", "::1:9100", "[]:1", "[h]:1",
                            "h:0", "h:65536", "a b:1", "10.0.0.256:1", "unix:"})
    EXPECT_FALSE(parse_gateway(wrong)) << wrong;
}

// --- drain_watch

using nlohmann::json;

json backend(const char* name, const char* state, int streams, const char* instance = "first") {
  return {{"name", name}, {"state", state}, {"streams", streams}, {"instance", instance}};
}

json page(std::vector<json> backends, double eta_seconds = 0) {
  return {{"servers", std::move(backends)}, {"moves", {{"eta_seconds", eta_seconds}}}};
}

TEST(DrainWatch, EndsWhenNoGatewayHasAStreamLeft) {
  drain_watch watch("b", "first", 2);
  EXPECT_FALSE(watch.is_empty()) << "nobody has been asked";
  watch.on_page(0, page({backend("a", "up", 9), backend("b", "draining", 7)}, 1.5));
  watch.on_page(1, page({backend("a", "up", 9), backend("b", "draining", 5)}, 0.5));
  EXPECT_EQ(watch.streams(), 12);
  EXPECT_DOUBLE_EQ(watch.eta_seconds(), 1.5);
  EXPECT_FALSE(watch.is_empty());
  watch.on_page(0, page({backend("a", "up", 16), backend("b", "draining", 0)}));
  EXPECT_FALSE(watch.is_empty());
  watch.on_page(1, page({backend("a", "up", 14)}));
  EXPECT_TRUE(watch.is_empty());
  EXPECT_FALSE(watch.is_taken_back());
  EXPECT_EQ(watch.streams(), 0);
}

TEST(DrainWatch, WaitsForAGatewayThatDoesNotKnowYet) {
  drain_watch watch("b", "first", 1);
  watch.on_page(0, page({backend("b", "up", 0)}));
  EXPECT_FALSE(watch.is_empty()) << "it may still get clients there";
  EXPECT_FALSE(watch.is_taken_back());
}

TEST(DrainWatch, CountsTheStreamsOfABackendThatHasLeftTheMap) {
  drain_watch watch("b", "first", 1);
  watch.on_page(0, page({backend("a", "up", 0), backend("b", "left", 3, "")}));
  EXPECT_FALSE(watch.is_empty());
  EXPECT_EQ(watch.streams(), 3);
}

TEST(DrainWatch, SeesThatTheOrderIsTakenBack) {
  drain_watch watch("b", "first", 1);
  watch.on_page(0, page({backend("b", "draining", 3)}));
  watch.on_page(0, page({backend("b", "up", 3)}));
  EXPECT_TRUE(watch.is_taken_back());
  EXPECT_FALSE(watch.is_empty());
}

TEST(DrainWatch, DoesNotWaitForTheNextProcessOfThatName) {
  drain_watch watch("b", "first", 1);
  watch.on_page(0, page({backend("b", "draining", 3)}));
  watch.on_page(0, page({backend("b", "up", 8, "second")}));
  EXPECT_FALSE(watch.is_taken_back());
  EXPECT_TRUE(watch.is_empty());
  EXPECT_EQ(watch.streams(), 0);
}

TEST(DrainWatch, SeesThatThereIsNowhereToGo) {
  drain_watch watch("b", "first", 1);
  watch.on_page(0, page({backend("a", "draining", 0), backend("b", "draining", 3)}));
  EXPECT_TRUE(watch.has_nowhere_to_go());
  watch.on_page(0, page({backend("a", "up", 0), backend("b", "draining", 3)}));
  EXPECT_FALSE(watch.has_nowhere_to_go());
}

TEST(DrainWatch, RefusesAPageOfAnotherKind) {
  drain_watch watch("b", "first", 1);
  EXPECT_THROW(watch.on_page(0, json::object()), json::exception);
}

}  // namespace
}  // namespace presenter::ctl
