#include "gateway/balance/route53/messages.hpp"

#include <gtest/gtest.h>

#include "gateway/balance/route53/xml_reader.hpp"

namespace presenter::gateway::route53 {
namespace {

std::string list_reply(const std::string& sets, const std::string& rest) {
  return "<ListResourceRecordSetsResponse "
         "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ResourceRecordSets>" +
         sets + "</ResourceRecordSets>" + rest + "</ListResourceRecordSetsResponse>";
}

TEST(Route53Messages, HaveTargetsWithEncodedParts) {
  EXPECT_EQ(zone_target("Z1D633PJN98FT9"), "/2013-04-01/hostedzone/Z1D633PJN98FT9");
  EXPECT_EQ(zone_target("/hostedzone/Z1/x"), "/2013-04-01/hostedzone/Z1%2Fx");
  EXPECT_EQ(
      list_target("Z1", {.name = "\\052.chat.example.", .type = "A", .set_identifier = "p-a b"}),
      "/2013-04-01/hostedzone/Z1/rrset?name=%5C052.chat.example.&type=A&identifier=p-a%20b");
  EXPECT_EQ(change_target("Z1"), "/2013-04-01/hostedzone/Z1/rrset/");
}

TEST(Route53Messages, WriteAChangeInTheOrderOfTheSchema) {
  const std::vector<change> changes{
      {change_action::upsert,
       {.type = record_type::a,
        .set_identifier = "p-<1>",
        .weight = 127,
        .ttl = std::chrono::seconds(60),
        .values = {"192.0.2.1", "192.0.2.2"},
        .health_check = "check"}},
      {change_action::remove, {.type = record_type::aaaa, .values = {"::1"}}}};
  const auto root = parse_xml(change_body("chat.example.", changes));
  ASSERT_TRUE(root);
  const auto* all = root->child("ChangeBatch")->child("Changes");
  ASSERT_EQ(all->children.size(), 2u);
  EXPECT_EQ(all->children[0].text_of("Action"), "UPSERT");
  EXPECT_EQ(all->children[1].text_of("Action"), "DELETE");
  const auto* set = all->children[0].child("ResourceRecordSet");
  std::string order;
  for (const auto& each : set->children)
    order += each.name + ' ';
  EXPECT_EQ(order, "Name Type SetIdentifier Weight TTL ResourceRecords HealthCheckId ");
  EXPECT_EQ(set->text_of("SetIdentifier"), "p-<1>");
  EXPECT_EQ(set->child("ResourceRecords")->children.size(), 2u);
}

TEST(Route53Messages, ReadAListOfAllKindsOfSets) {
  const auto page = read_list_page(list_reply(
      "<ResourceRecordSet><Name>chat.example.</Name><Type>A</Type><SetIdentifier>p-1"
      "</SetIdentifier><Weight>127</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord>"
      "<Value>192.0.2.1</Value></ResourceRecord><ResourceRecord><Value>192.0.2.2</Value>"
      "</ResourceRecord></ResourceRecords><HealthCheckId>c</HealthCheckId></ResourceRecordSet>"
      "<ResourceRecordSet><Name>www.example.</Name><Type>A</Type><AliasTarget><DNSName>x."
      "</DNSName></AliasTarget></ResourceRecordSet>",
      "<IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>"));
  ASSERT_TRUE(page) << page.error().message();
  ASSERT_EQ(page->sets.size(), 2u);
  EXPECT_FALSE(page->next);
  const listed_set& first = page->sets[0];
  EXPECT_EQ(first.name, "chat.example.");
  EXPECT_EQ(first.type, "A");
  EXPECT_EQ(first.set_identifier, "p-1");
  EXPECT_EQ(first.weight, 127);
  EXPECT_EQ(first.ttl, std::chrono::seconds(60));
  EXPECT_EQ(first.values, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(first.health_check, "c");
  EXPECT_FALSE(first.is_alias);
  EXPECT_TRUE(page->sets[1].is_alias);
  EXPECT_FALSE(page->sets[1].weight);
}

TEST(Route53Messages, ReadWhereAListGoesOn) {
  const auto page = read_list_page(
      list_reply("",
                 "<IsTruncated>true</IsTruncated><NextRecordName>chat.example.</NextRecordName>"
                 "<NextRecordType>A</NextRecordType><NextRecordIdentifier>p-2"
                 "</NextRecordIdentifier>"));
  ASSERT_TRUE(page);
  ASSERT_TRUE(page->next);
  EXPECT_EQ(page->next->name, "chat.example.");
  EXPECT_EQ(page->next->type, "A");
  EXPECT_EQ(page->next->set_identifier, "p-2");
}

TEST(Route53Messages, RefuseAListThatLacksSomething) {
  const std::string truth = "<IsTruncated>false</IsTruncated>";
  EXPECT_EQ(read_list_page(list_reply("", "")).error(), errc::element_missing);
  EXPECT_EQ(read_list_page(list_reply("", "<IsTruncated>true</IsTruncated>")).error(),
            errc::element_missing);
  EXPECT_EQ(read_list_page("<Other/>").error(), errc::element_missing);
  EXPECT_EQ(read_list_page(list_reply("<ResourceRecordSet/>", truth)).error(),
            errc::element_missing);
  for (const char* bad : {"<Weight>-1</Weight>", "<Weight>x</Weight>", "<Weight/>",
                          "<TTL>99999999999</TTL>", "<TTL>1 </TTL>"}) {
    const auto page =
        read_list_page(list_reply(std::string("<ResourceRecordSet><Name>x.</Name><Type>A</Type>") +
                                      bad + "</ResourceRecordSet>",
                                  truth));
    EXPECT_EQ(page.error(), errc::element_invalid) << bad;
  }
}

TEST(Route53Messages, ReadTheZoneAndTheAnswerToAChange) {
  const auto name = read_zone_name(
      "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>example.</Name>"
      "</HostedZone></GetHostedZoneResponse>");
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, "example.");
  EXPECT_EQ(read_zone_name("<GetHostedZoneResponse/>").error(), errc::element_missing);

  const auto change_reply = [](const std::string& status) {
    return read_change_reply("<ChangeResourceRecordSetsResponse><ChangeInfo><Status>" + status +
                             "</Status></ChangeInfo></ChangeResourceRecordSetsResponse>");
  };
  EXPECT_FALSE(change_reply("PENDING"));
  EXPECT_FALSE(change_reply("INSYNC"));
  EXPECT_EQ(change_reply("LOST"), errc::element_invalid);
  EXPECT_EQ(read_change_reply("<html/>"), errc::element_missing);
}

TEST(Route53Messages, ReadBothFormsOfARefusal) {
  const auto usual = read_refusal(
      "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded"
      "</Message></Error><RequestId>1</RequestId></ErrorResponse>");
  EXPECT_EQ(usual.code, "Throttling");
  EXPECT_EQ(usual.message, "Rate exceeded");
  const auto batch = read_refusal(
      "<InvalidChangeBatch><Messages><Message>one</Message><Message>two</Message></Messages>"
      "</InvalidChangeBatch>");
  EXPECT_EQ(batch.code, "InvalidChangeBatch");
  EXPECT_EQ(batch.message, "one; two");
  EXPECT_EQ(read_refusal("<html/>").code, "");
  EXPECT_EQ(read_refusal("no XML").code, "");
}

}  // namespace
}  // namespace presenter::gateway::route53
