#include "gateway/balance/load_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace presenter::gateway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

load_report made_report() {
  return {.name = "gw-1:443",
          .addresses = {"192.0.2.1", "2001:db8::1"},
          .clients = 45'000,
          .clients_max = 100'000,
          .cpu = 0.25,
          .descriptors = 0.5,
          .handshake_backlog = 7,
          .state = gateway_state::draining,
          .weight = 1.125,
          .reported_at = sys_ms(milliseconds(1'790'000'060'000)),
          .started_at = sys_ms(milliseconds(1'790'000'000'000))};
}

// The report with one key of another value; null: without it.
std::string text_with(const std::string& key, const nlohmann::json& value) {
  auto object = nlohmann::json::parse(encode_report(made_report()));
  if (value.is_null()) {
    object.erase(key);
  } else {
    object[key] = value;
  }
  return object.dump();
}

boost::system::error_code mistake_in(const std::string& key, const nlohmann::json& value) {
  return decode_report("g", text_with(key, value)).error();
}

TEST(LoadReport, ComesBackAsItWas) {
  const auto decoded = decode_report("gw-1:443", encode_report(made_report()));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, made_report());
}

// The example of README.md.
TEST(LoadReport, IsWhatTheReadmeShows) {
  const auto decoded = decode_report(
      "gw-1", R"({"addresses":["192.0.2.1"],"clients":45000,"clients_max":100000,"cpu":0.31,)"
              R"("descriptors":0.46,"handshake_backlog":0,"state":"up","weight":0.889,)"
              R"("started_at":1790000000000,"reported_at":1790003600000})");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->clients, 45'000);
  EXPECT_EQ(decoded->state, gateway_state::up);
  EXPECT_EQ(decoded->reported_at - decoded->started_at, hours(1));
}

TEST(LoadReport, NeedNotHaveWhatIsNotKnown) {
  const auto decoded = decode_report(
      "g", R"({"clients":1,"state":"up","reported_at":2,"started_at":1,"of_a_later_version":[]})");
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_TRUE(decoded->addresses.empty());
  EXPECT_EQ(decoded->clients_max, 0);
}

TEST(LoadReport, NamesWhatIsWrong) {
  EXPECT_EQ(decode_report("g", "").error(), report_errc::not_json);
  EXPECT_EQ(decode_report("g", "[1]").error(), report_errc::not_json);
  EXPECT_EQ(decode_report("g", std::string(report_bytes_max + 1, ' ')).error(),
            report_errc::too_large);
  EXPECT_EQ(decode_report("a b", encode_report(made_report())).error(), report_errc::name_invalid);
  EXPECT_EQ(mistake_in("state", "gone"), report_errc::state_invalid);
  EXPECT_EQ(mistake_in("state", 1), report_errc::state_invalid);
  EXPECT_EQ(mistake_in("state", nullptr), report_errc::state_invalid);
  EXPECT_EQ(name_of(report_errc::state_invalid), "state_invalid");
  EXPECT_EQ(mistake_in("state", "gone").message(),
            "state must be up, draining, drained or unready");
}

TEST(LoadReport, TakesNoNumberOutsideItsRange) {
  for (const char* key : {"clients", "reported_at", "started_at"})
    EXPECT_EQ(mistake_in(key, nullptr), report_errc::number_invalid) << key;
  for (const char* key : {"clients", "clients_max", "handshake_backlog", "reported_at"}) {
    for (const nlohmann::json& value :
         {nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json("1"),
          nlohmann::json(18'446'744'073'709'551'615ULL), nlohmann::json(10'000'000'000'000'000)}) {
      EXPECT_EQ(mistake_in(key, value), report_errc::number_invalid) << key << ' ' << value;
    }
  }
  for (const char* key : {"cpu", "descriptors", "weight"}) {
    EXPECT_EQ(mistake_in(key, -0.1), report_errc::number_invalid) << key;
    EXPECT_EQ(mistake_in(key, 2.1), report_errc::number_invalid) << key;
    EXPECT_EQ(mistake_in(key, "high"), report_errc::number_invalid) << key;
  }
}

TEST(LoadReport, TakesOnlyAddressesThatAClientCanConnectTo) {
  for (const char* address : {"0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "fe80::1%1",
                              "::ffff:192.0.2.1", "chat.example", ""}) {
    EXPECT_EQ(mistake_in("addresses", {address}), report_errc::addresses_invalid) << address;
  }
  EXPECT_EQ(mistake_in("addresses", "192.0.2.1"), report_errc::addresses_invalid);
  EXPECT_EQ(mistake_in("addresses", {1}), report_errc::addresses_invalid);
  EXPECT_EQ(mistake_in("addresses", std::vector<std::string>(17, "192.0.2.1")),
            report_errc::addresses_invalid);
  EXPECT_TRUE(decode_report("g", text_with("addresses", {"127.0.0.2", "::1"})));
}

TEST(LoadReport, NeverTakesBytesThatAreCut) {
  const std::string whole = encode_report(made_report());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_report("g", std::string_view(whole).substr(0, size))) << size;
}

TEST(LoadReport, HasANameThatIsAZnode) {
  EXPECT_TRUE(is_gateway_name("gw-1.example:443"));
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\nb"),
        std::string("\xc3\xa4"), std::string(256, 'x')}) {
    EXPECT_FALSE(is_gateway_name(name)) << name;
  }
}

// The other machine's clock may be anything.
TEST(LoadReport, IsAsOldAsTheReaderHeardIt) {
  const sys_ms now{hours(500'000)};
  const load_report heard = as_heard(made_report(), now);
  EXPECT_EQ(heard.reported_at, now);
  EXPECT_EQ(heard.started_at, now - seconds(60));
}

// Else it would seem to be starting until that clock has caught up.
TEST(LoadReport, IsOfAnOldGatewayWhenItsClockWasSetBack) {
  load_report report = made_report();
  report.reported_at = report.started_at - hours(1);
  const sys_ms now{hours(500'000)};
  EXPECT_LE(as_heard(report, now).started_at, now - hours(1));
}

}  // namespace
}  // namespace presenter::gateway
