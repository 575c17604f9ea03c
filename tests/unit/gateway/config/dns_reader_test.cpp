#include <gmock/gmock.h>

#include <filesystem>

#include "config_fixture.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DnsReader : public config_fixture {
 protected:
  DnsReader() {
    const auto key = files_.write("key", "secret\n");
    std::filesystem::permissions(key, std::filesystem::perms{0600});
  }

  // [dns] of a gateway that listens at one address, which the tests' other lines follow.
  config_result load_dns(const std::string& text) const {
    return load(std::string{tls_lines} + shards_lines + "[listen]\naddress = \"192.0.2.1:443\"\n" +
                "[dns]\n" + text);
  }
  std::string mistake_of(const std::string& text) const {
    const auto list = messages(load_dns(text));
    return list.size() == 1 ? list[0] : testing::PrintToString(list);
  }
  // Of a whole configuration of powerdns with this URL and zone.
  static std::string powerdns(const std::string& url, const std::string& zone = "example") {
    return "publisher = \"powerdns\"\nrecord = \"chat.example\"\n[dns.powerdns]\nurl = \"" + url +
           "\"\nzone = \"" + zone + "\"\napi_key_file = \"key\"\n";
  }
};

TEST_F(DnsReader, NobodyPublishesByDefault) {
  const auto result = load_dns("");
  EXPECT_THAT(messages(result), IsEmpty());
  EXPECT_EQ(result.value.dns.publisher, dns_publisher_kind::none);
  EXPECT_EQ(result.value.dns.ttl, 60s);
  EXPECT_EQ(result.value.dns.interval, 30s);
  EXPECT_EQ(result.value.dns.unready_after, 10s);
}

TEST_F(DnsReader, ReadsEveryKey) {
  const auto result = load_dns(R"(publisher = "powerdns"
record = "chat.example"
addresses = ["203.0.113.7", "203.0.113.8"]
ttl = "30s"
interval = "5s"
unready_after = 0
[dns.powerdns]
url = "https://dns.example:8443/pdns"
server = "ns-1"
zone = "Example."
api_key_file = "key"
ca_file = "tls.pem"
[dns.file]
path = "weights"
[dns.exec]
program = "publish"
timeout = "3s"
)");
  ASSERT_THAT(messages(result), IsEmpty());
  const dns_config& dns = result.value.dns;
  EXPECT_EQ(dns.publisher, dns_publisher_kind::powerdns);
  EXPECT_EQ(dns.record, "chat.example");
  EXPECT_THAT(dns.addresses, ElementsAre(make_address("203.0.113.7"), make_address("203.0.113.8")));
  EXPECT_EQ(dns.ttl, 30s);
  EXPECT_EQ(dns.interval, 5s);
  EXPECT_EQ(dns.unready_after, 0s);
  EXPECT_EQ(dns.powerdns.url->authority(), "dns.example:8443");
  EXPECT_EQ(dns.powerdns.url->target, "/pdns");
  EXPECT_EQ(dns.powerdns.server, "ns-1");
  EXPECT_EQ(dns.powerdns.zone, "Example.");
  EXPECT_EQ(dns.powerdns.api_key_file, files_.folder() / "key");
  EXPECT_EQ(dns.powerdns.ca_file, files_.folder() / "tls.pem");
  EXPECT_EQ(dns.file.path, files_.folder() / "weights");
  EXPECT_EQ(dns.exec.program, files_.folder() / "publish");
  EXPECT_EQ(dns.exec.timeout, 3s);
}

TEST_F(DnsReader, APublisherNeedsItsKeys) {
  EXPECT_THAT(
      messages(load_dns("publisher = \"powerdns\"\n")),
      ElementsAre(HasSubstr("dns.record: is required"), HasSubstr("dns.powerdns.url: is required"),
                  HasSubstr("dns.powerdns.zone: is required"),
                  HasSubstr("dns.powerdns.api_key_file: is required")));
  EXPECT_THAT(mistake_of("publisher = \"file\"\nrecord = \"chat.example\"\n"),
              HasSubstr("dns.file.path: is required"));
  EXPECT_THAT(mistake_of("publisher = \"exec\"\nrecord = \"chat.example\"\n"),
              HasSubstr("dns.exec.program: is required"));
  EXPECT_THAT(
      mistake_of("publisher = \"bind\"\n"),
      HasSubstr("dns.publisher: must be one of none, route53, powerdns, file, exec, not 'bind'"));
}

TEST_F(DnsReader, RefusesWhatRoute53CannotHave) {
  EXPECT_THAT(mistake_of("publisher = \"route53\"\nrecord = \"chat.example\"\n"),
              HasSubstr("dns.route53.zone_id: is required"));
  EXPECT_THAT(mistake_of("[dns.route53]\nset_prefix = \"a b\"\n"),
              HasSubstr("dns.route53.set_prefix: must be 1 to 64 printable"));
  EXPECT_THAT(mistake_of("[dns.route53]\nendpoint = \"route53\"\n"),
              HasSubstr("dns.route53.endpoint: 'route53' is not a URL"));
  EXPECT_THAT(mistake_of("[dns.route53]\ncredentials = \"vault\"\n"),
              HasSubstr("must be one of auto, environment, file, container, imds, not 'vault'"));
}

TEST_F(DnsReader, AWildcardIsNotPublished) {
  const auto result = load(std::string{tls_lines} + shards_lines +
                           "[dns]\npublisher = \"file\"\nrecord = \"chat.example\"\n"
                           "[dns.file]\npath = \"weights\"\n");
  EXPECT_THAT(messages(result),
              ElementsAre(HasSubstr("dns.addresses: is required, for listen.address is 0.0.0.0")));
}

TEST_F(DnsReader, RefusesAFamilyAtWhichNobodyListens) {
  EXPECT_THAT(mistake_of("addresses = [\"192.0.2.1\", \"2001:db8::7\"]\n"),
              HasSubstr("dns.addresses: '2001:db8::7' finds nobody: listen.address is 192.0.2.1, "
                        "which takes no IPv6"));
  const auto listening_at = [this](const std::string& address) {
    return messages(load(std::string{tls_lines} + shards_lines + "[listen]\naddress = \"" +
                         address + "\"\n[dns]\naddresses = [\"192.0.2.1\", \"2001:db8::7\"]\n"));
  };
  EXPECT_THAT(listening_at("[::]:443"), IsEmpty()) << "it takes both";
  EXPECT_THAT(listening_at("[2001:db8::7]:443"), ElementsAre(HasSubstr("which takes no IPv4")));
  EXPECT_THAT(listening_at("0.0.0.0:443"), ElementsAre(HasSubstr("which takes no IPv6")));
}

TEST_F(DnsReader, RefusesWhatIsNoAddressOfOneHost) {
  for (const char* bad : {"chat.example", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
                          "fe80::1%1", "::ffff:192.0.2.1", "192.0.2.1:443"})
    EXPECT_THAT(mistake_of(std::string("addresses = [\"") + bad + "\"]\n"),
                HasSubstr("is not an address that clients can connect to"))
        << bad;
  EXPECT_THAT(mistake_of("addresses = [\"192.0.2.1\", \"192.0.2.1\"]\n"), HasSubstr("twice"));
  EXPECT_THAT(mistake_of("addresses = []\n"), HasSubstr("must be 1 to 16 addresses"));
}

TEST_F(DnsReader, RefusesValuesOutOfRange) {
  EXPECT_THAT(mistake_of("ttl = \"1500ms\"\n"), HasSubstr("dns.ttl: must be whole seconds"));
  EXPECT_THAT(mistake_of("ttl = 0\n"), HasSubstr("dns.ttl: must be 1s to 24h, not 0s"));
  EXPECT_THAT(mistake_of("record = \"chat example\"\n"),
              HasSubstr("dns.record: 'chat example' is not a name like 'chat.example'"));
}

TEST_F(DnsReader, TheRecordIsInTheZone) {
  EXPECT_THAT(messages(load_dns(powerdns("http://127.0.0.1:8081", "EXAMPLE"))), IsEmpty());
  EXPECT_THAT(mistake_of(powerdns("http://127.0.0.1:8081", "other.example")),
              HasSubstr("dns.powerdns.zone: dns.record 'chat.example' is not in 'other.example'"));
}

TEST_F(DnsReader, TheKeyIsASecret) {
  std::filesystem::permissions(files_.folder() / "key", std::filesystem::perms{0644});
  EXPECT_THAT(mistake_of(powerdns("http://127.0.0.1:8081")),
              HasSubstr("dns.powerdns.api_key_file: 'key' is open to others"));
}

TEST_F(DnsReader, RefusesUrlsAndServersThatCannotBeAsked) {
  for (const char* bad : {"127.0.0.1:8081", "ftp://a", "http://", "http://a:0", "http://a/?b=c"})
    EXPECT_THAT(mistake_of(powerdns(bad)), HasSubstr("is not a URL like")) << bad;
  EXPECT_THAT(mistake_of("[dns.powerdns]\nserver = \"a/b\"\n"),
              HasSubstr("dns.powerdns.server: 'a/b' is not a name like 'localhost'"));
}

TEST_F(DnsReader, CachesAreWaitedForByADrain) {
  const std::string text = "ttl = \"2m\"\n[drain]\nquiet = \"119s\"\n";
  EXPECT_THAT(messages(load_dns(text)), IsEmpty());
  EXPECT_THAT(
      mistake_of("publisher = \"file\"\nrecord = \"chat.example\"\n" + text +
                 "[dns.file]\npath = \"weights\"\n"),
      HasSubstr("drain.quiet: 119s is less than dns.ttl, 2m: caches still have the record"));
}

TEST_F(DnsReader, WarnsOfAKeyInTheClear) {
  const auto warnings = [this](const std::string& url) {
    return load_dns(powerdns(url)).warnings.size();
  };
  EXPECT_EQ(warnings("http://127.0.0.1:8081"), 0U);
  EXPECT_EQ(warnings("http://[::1]:8081"), 0U);
  EXPECT_EQ(warnings("http://localhost"), 0U);
  EXPECT_EQ(warnings("https://dns.example"), 0U);
  EXPECT_EQ(warnings("http://dns.example"), 1U);
  EXPECT_EQ(warnings("http://192.0.2.53"), 1U);
}

}  // namespace
}  // namespace presenter::gateway
