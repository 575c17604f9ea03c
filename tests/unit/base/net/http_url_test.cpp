#include "base/net/http_url.hpp"

#include <gtest/gtest.h>

#include "base/net/errc.hpp"

namespace presenter::net {
namespace {

TEST(HttpUrl, HasItsSchemesPort) {
  const auto secure = parse_http_url("https://route53.amazonaws.com");
  ASSERT_TRUE(secure);
  EXPECT_TRUE(secure->is_tls);
  EXPECT_EQ(secure->host, "route53.amazonaws.com");
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->target, "/");
  EXPECT_EQ(secure->authority(), "route53.amazonaws.com");
  EXPECT_EQ(parse_http_url("http://169.254.169.254/latest")->port, 80);
}

TEST(HttpUrl, HasAnotherPortAndATarget) {
  const auto parsed = parse_http_url("http://[::1]:8081/api/v1?x=y");
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->is_tls);
  EXPECT_EQ(parsed->host, "::1");
  EXPECT_EQ(parsed->port, 8081);
  EXPECT_EQ(parsed->target, "/api/v1?x=y");
  EXPECT_EQ(parsed->authority(), "[::1]:8081");
  EXPECT_EQ(parse_http_url("http://h?x")->target, "/?x");
}

TEST(HttpUrl, RefusesWhatCannotBeAsked) {
  for (const char* text :
       {"", "route53.amazonaws.com", "ftp://h", "https://", "https:///x",
        "https://h:", "https://h:0", "https://h:65536", "https://h:1x", "https://user@h/",
        "https://[::1", "https://[h]", "https://[::1]x", "https://h/a b", "https://h/#x",
        "https://h\r\n/", "https://h/\xc3\xbc"}) {
    const auto parsed = parse_http_url(text);
    ASSERT_TRUE(parsed.has_error()) << text;
    EXPECT_EQ(parsed.error(), errc::url_invalid);
  }
}

}  // namespace
}  // namespace presenter::net
