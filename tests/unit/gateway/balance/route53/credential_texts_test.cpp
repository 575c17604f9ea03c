#include "gateway/balance/route53/credential_texts.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway::route53 {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view shared_file =
    "# remark\n[default]\naws_access_key_id = AKID1\naws_secret_access_key=S1=/+\r\n"
    "region = eu-west-1\n\n[ other ]\n;aws_access_key_id = no\naws_access_key_id = AKID2\n"
    "aws_secret_access_key = S2\naws_session_token = T2\n[half]\naws_access_key_id = AKID3";

TEST(SharedCredentialsFile, HasAProfilesKeys) {
  EXPECT_EQ(read_shared_file(shared_file, "default").keys, (aws_keys{"AKID1", "S1=/+", ""}));
  EXPECT_EQ(read_shared_file(shared_file, "other").keys, (aws_keys{"AKID2", "S2", "T2"}));
}

TEST(SharedCredentialsFile, SaysWhatIsMissing) {
  EXPECT_EQ(read_shared_file(shared_file, "absent").mistake, "it has no section [absent]");
  EXPECT_EQ(read_shared_file(shared_file, "half").mistake,
            "the access key's id or its secret is missing");
  EXPECT_EQ(read_shared_file("", "default").mistake, "it has no section [default]");
}

TEST(SharedCredentialsFile, RefusesKeysThatWouldBreakAHeader) {
  EXPECT_EQ(read_shared_file("[x]\naws_access_key_id=A B\naws_secret_access_key=S", "x").mistake,
            "the keys have characters that keys cannot have");
}

TEST(CredentialsEndpoint, HasKeysAndWhenTheyEnd) {
  const auto found = read_endpoint_reply(
      R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S","Token":"T",)"
      R"("Expiration":"2026-11-28T21:35:34Z"})");
  EXPECT_EQ(found.keys, (aws_keys{"A", "S", "T"}));
  EXPECT_EQ(found.expires, std::chrono::sys_days(2026y / 11 / 28) + 21h + 35min + 34s);
}

TEST(CredentialsEndpoint, SaysWhatIsWrongWithTheReply) {
  for (const auto& [reply, mistake] : std::vector<std::pair<const char*, const char*>>{
           {"", "its reply is no JSON object"},
           {"[]", "its reply is no JSON object"},
           {R"({"Code":"Failed"})", "it says Failed"},
           {R"({"Expiration":"soon"})", "its Expiration is no time"},
           {R"({"AccessKeyId":1,"SecretAccessKey":"S"})",
            "the access key's id or its secret is missing"},
           {R"({"AccessKeyId":"A\r\n","SecretAccessKey":"S"})",
            "the keys have characters that keys cannot have"}}) {
    const auto found = read_endpoint_reply(reply);
    EXPECT_FALSE(found.keys) << reply;
    EXPECT_EQ(found.mistake, mistake) << reply;
  }
}

TEST(IsoTime, HasAZoneAndMayHaveFractions) {
  EXPECT_EQ(parse_iso_time("1970-01-02T00:00:01Z"), sys_seconds(24h + 1s));
  EXPECT_EQ(parse_iso_time("1970-01-02T00:00:01.123Z"), sys_seconds(24h + 1s));
  for (const char* bad :
       {"1970-01-02T00:00:01", "1970-01-02", "1970-01-02T00:00:01xZ", "1970-01-02T00:00:01.Z0",
        "1970-01-02T00:00:01Zx", "1970-13-02T00:00:01Z"})
    EXPECT_EQ(parse_iso_time(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace presenter::gateway::route53
