#include "gateway/balance/route53/change_batch.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace presenter::gateway::route53 {
namespace {

listed_set listed(std::string identifier, std::string type = "A", std::string value = "192.0.2.1") {
  return {.name = "chat.example.",
          .type = std::move(type),
          .set_identifier = std::move(identifier),
          .weight = 127,
          .ttl = std::chrono::seconds(60),
          .values = {std::move(value)},
          .health_check = {}};
}

record_set wanted(std::string identifier, int weight = 127, std::string value = "192.0.2.1",
                  record_type type = record_type::a) {
  return {.type = type,
          .set_identifier = std::move(identifier),
          .weight = weight,
          .ttl = std::chrono::seconds(60),
          .values = {std::move(value)},
          .health_check = {}};
}

zone_view view(const std::vector<listed_set>& all) {
  return view_of(all, "chat.example.", "presenter-");
}

std::string text_of(std::span<const change> changes) {
  std::string text;
  for (const change& each : changes) {
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ",
                        each.action == change_action::upsert ? "+" : "-", each.set.set_identifier,
                        each.set.weight);
  }
  return text;
}

TEST(Route53ZoneView, HasOursAndCountsOthers) {
  listed_set other_name = listed("presenter-gw-9");
  other_name.name = "other.example.";
  const auto zone = view({listed("presenter-gw-1"), listed("presenter-gw-1", "AAAA", "::1"),
                          listed("somebody"), listed("presenter-gw-2"), other_name});
  EXPECT_EQ(zone.ours.size(), 3u);
  EXPECT_EQ(zone.others, (std::array<std::size_t, 2>{1, 0}));
  EXPECT_EQ(zone.obstacles, (std::array<std::string, 2>{}));
}

TEST(Route53ZoneView, FindsWhatStandsInTheWay) {
  const std::vector<record_set> v4{wanted("presenter-gw-1")};
  const std::vector<record_set> v6{wanted("presenter-gw-1", 1, "::1", record_type::aaaa)};
  listed_set simple = listed("");
  simple.weight.reset();
  listed_set latency = listed("eu");
  latency.weight.reset();
  listed_set alias = listed("presenter-gw-1");
  alias.is_alias = true;
  listed_set policy = listed("presenter-gw-1");
  policy.is_of_traffic_policy = true;
  for (const listed_set& each : {simple, latency, alias, policy}) {
    const auto zone = view({each});
    EXPECT_EQ(find_obstacle(zone, v4).error, publish_errc::conflicting_record);
    EXPECT_TRUE(find_obstacle(zone, v6).is_ok());
    EXPECT_TRUE(zone.ours.empty());
  }
  EXPECT_NE(find_obstacle(view({simple}), v4).text.find("simple A record"), std::string::npos);

  listed_set cname = listed("", "CNAME", "elsewhere.example");
  EXPECT_EQ(find_obstacle(view({cname}), v6).error, publish_errc::conflicting_record);

  listed_set foreign_alias = listed("somebody");
  foreign_alias.is_alias = true;
  listed_set text = listed("", "TXT", "\"x\"");
  EXPECT_TRUE(find_obstacle(view({foreign_alias, text}), v4).is_ok());
}

TEST(Route53ZoneView, RefusesMoreSetsThanOneNameCanHave) {
  std::vector<listed_set> all(sets_max - 1, listed("somebody"));
  EXPECT_TRUE(find_obstacle(view(all), std::vector{wanted("presenter-gw-1")}).is_ok());
  const std::vector two{wanted("presenter-gw-1"), wanted("presenter-gw-2")};
  EXPECT_EQ(find_obstacle(view(all), two).error, publish_errc::too_many_records);
}

TEST(Route53Changes, AreWhatDiffersOfOurs) {
  const std::vector ours{wanted("presenter-same"), wanted("presenter-heavier"),
                         wanted("presenter-gone")};
  const auto changes = changes_between(
      ours, {wanted("presenter-same"), wanted("presenter-heavier", 200), wanted("presenter-new")});
  EXPECT_EQ(text_of(changes), "+ presenter-heavier 200, + presenter-new 127, - presenter-gone 127");
  EXPECT_TRUE(changes_between(ours, ours).empty());

  std::vector<record_set> after = ours;
  mark_applied(changes, after);
  EXPECT_TRUE(changes_between(after, {wanted("presenter-same"), wanted("presenter-heavier", 200),
                                      wanted("presenter-new")})
                  .empty());
}

TEST(Route53Changes, RemoveASetExactlyAsItIs) {
  record_set old = wanted("presenter-gone", 3, "2001:0DB8::1", record_type::aaaa);
  old.health_check = "check-1";
  const auto changes = changes_between(std::vector{old}, {});
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0], (change{change_action::remove, old}));
}

TEST(Route53Changes, LeaveAHealthCheckWhereSomebodyHasPutIt) {
  record_set old = wanted("presenter-gw-1", 3);
  old.health_check = "check-1";
  EXPECT_TRUE(changes_between(std::vector{old}, {wanted("presenter-gw-1", 3)}).empty());
  const auto changes = changes_between(std::vector{old}, {wanted("presenter-gw-1", 4)});
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].set.health_check, "check-1");
}

std::vector<change> made(change_action action, std::size_t count, const std::string& value) {
  return std::vector<change>(count, {action, wanted("presenter-x", 1, value)});
}

TEST(Route53Batches, HoldAThousandRecordsOfWhichAnUpsertIsTwo) {
  EXPECT_TRUE(batches_of({}).empty());
  EXPECT_EQ(batches_of(made(change_action::upsert, 500, "1.1.1.1")).size(), 1u);
  const auto more = made(change_action::upsert, 501, "1.1.1.1");
  const auto two = batches_of(more);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].size(), 500u);
  EXPECT_EQ(two[1].size(), 1u);
  EXPECT_EQ(two[1].data(), &more[500]);
  EXPECT_EQ(batches_of(made(change_action::remove, 1'000, "1.1.1.1")).size(), 1u);
  EXPECT_EQ(batches_of(made(change_action::remove, 1'001, "1.1.1.1")).size(), 2u);
}

TEST(Route53Batches, HoldThirtyTwoThousandCharactersOfWhichAnUpsertsAreTwice) {
  const std::string value(400, '1');
  EXPECT_EQ(batches_of(made(change_action::upsert, 40, value)).size(), 1u);
  EXPECT_EQ(batches_of(made(change_action::upsert, 41, value)).size(), 2u);
  EXPECT_EQ(batches_of(made(change_action::remove, 80, value)).size(), 1u);
  EXPECT_EQ(batches_of(made(change_action::remove, 81, value)).size(), 2u);
  // One that does not fit alone goes alone: the service says what is wrong with it.
  EXPECT_EQ(batches_of(made(change_action::remove, 3, std::string(40'000, '1'))).size(), 3u);
}

}  // namespace
}  // namespace presenter::gateway::route53
