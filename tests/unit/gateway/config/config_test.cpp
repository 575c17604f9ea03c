#include "gateway/config/config.hpp"

#include <gmock/gmock.h>
#include <openssl/ocsp.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config_fixture.hpp"
#include "gateway/config/config_checks.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view every_key = R"(
[gateway]
name = "gw-1"
[listen]
address = "[::1]:8443"
backlog = 10
fast_open = 7
[clients]
keepalive = false
keepalive_idle = "2m"
keepalive_interval = "20s"
keepalive_count = 4
user_timeout = "1m"
notsent_lowat_bytes = 65536
idle_timeout = "24h"
[tls]
certificate = "tls.pem"
private_key = "tls.key"
handshake_timeout = "500ms"
detach_records = false
early_data = true
ticket_key_file = "ticket.key"
ticket_rotation = "1h"
ticket_lifetime = "24h"
ocsp_response = "tls.ocsp"
names = ["chat.example"]
strict_sni = true
min_version = "1.3"
suites_12 = ["ECDHE-ECDSA-AES128-GCM-SHA256"]
suites_13 = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]
curves = ["P-384", "X25519"]
alpn = ["chat/2", "chat/1"]
client_ca = "tls.pem"
client_certificate = "optional"
watch_interval = 0
[[tls.certificates]]
certificate = "other.pem"
private_key = "other.key"
names = ["*.other.example"]
[auth]
parser = "thrift"
method = "login"
key_path = "1.2.30"
packet_bytes_max = 8192
timeout = 7
[shards]
zookeeper = "zk1:2181,zk2:2181/presenter"
session_timeout = "4s"
zookeeper_auth_file = "zookeeper.auth"
saved_map = "saved-map.json"
remove_dead = false
mass_drop_hold = "2m"
[moves]
crash_wait = "20s"
[upstream]
links_per_worker = 2
opening_timeout = "8s"
connect_timeout = "2s"
ping_interval = "1s"
dead_after = "3s"
stall_timeout = "1m"
deposit_bytes_max = 16384
notice = "20s"
stream_window_bytes = 131072
link_window_bytes = 1048576
[workers]
count = 3
[admin]
address = "127.0.0.1:0"
[limits]
clients_max = 5000
address_unauthenticated_max = 100
address_handshakes_per_second = 10
address_handshakes_burst = 50
address_exempt = ["10.0.0.0/8", "2001:db8::/32", "::1"]
[drain]
quiet = "20m"
deadline = "2h"
[hooks]
directory = "hooks"
timeout = "5s"
[shutdown]
timeout = "1m"
[log]
level = "debug"
)";

class Config : public config_fixture {
 protected:
  // What is complete but for `text`, which therefore starts in line 6.
  config_result load_after_minimum(const std::string& text) const {
    return load(std::string{tls_lines} + shards_lines + text);
  }

  // The only mistake of `text`, which follows a configuration that is complete.
  std::string mistake_of(const std::string& text) const {
    const auto list = messages(load_after_minimum(text));
    return list.size() == 1 ? list[0] : testing::PrintToString(list);
  }

  // A file that only its owner may read.
  std::filesystem::path write_secret(std::string_view name, std::string_view bytes) const {
    auto path = files_.write(name, bytes);
    std::filesystem::permissions(path, std::filesystem::perms{0600});
    return path;
  }
};

TEST_F(Config, NeedsOnlyCertificateKeyAndShards) {
  const auto result = load_after_minimum("");
  ASSERT_THAT(messages(result), IsEmpty());
  const auto& value = result.value;
  EXPECT_EQ(value.tls.certificate, files_.folder() / "tls.pem");
  EXPECT_EQ(value.shards.file, files_.folder() / "shards.toml");
  EXPECT_EQ(value.shards.zookeeper, std::nullopt);
  EXPECT_EQ(value.shards.zookeeper_auth_file, std::nullopt);
  EXPECT_EQ(value.shards.saved_map, std::nullopt);
  EXPECT_EQ(value.shards.mass_drop_hold, 30s);
  EXPECT_FALSE(value.shards.remove_dead);
  EXPECT_EQ(value.moves.crash_wait, 10s);
  EXPECT_EQ(value.upstream.deposit_bytes_max, 256);
  EXPECT_EQ(value.tls.ticket_key_file, std::nullopt);
  EXPECT_EQ(value.tls.tickets.rotation, 12h);
  EXPECT_EQ(value.tls.tickets.lifetime, 168h);
  EXPECT_EQ(value.listen.address.port(), 443);
  EXPECT_THAT(value.auth.key_path, ElementsAre(1, 1));
  EXPECT_EQ(value.auth.packet_bytes_max, 4'096U);
  EXPECT_EQ(value.upstream.links_per_worker, 1U);
  EXPECT_EQ(value.admin.address, std::nullopt);
  EXPECT_FALSE(value.drain.is_configured);
  EXPECT_EQ(value.drain.quiet, 10min);
  EXPECT_EQ(value.drain.deadline, std::nullopt);
  EXPECT_EQ(value.hooks.directory, std::nullopt);
  EXPECT_EQ(value.hooks.timeout, 60s);
  EXPECT_EQ(value.log.level, log_level::info);
}

TEST_F(Config, AnEmptyTableOfDrainIsAWish) {
  EXPECT_TRUE(load_after_minimum("[drain]\n").value.drain.is_configured);
  EXPECT_EQ(mistake_of("[drain]\nquiet = 0\n"),
            "presenter.toml:7: drain.quiet: must be 1s to 24h, not 0s");
  EXPECT_EQ(mistake_of("[drain]\ndeadline = \"49h\"\n"),
            "presenter.toml:7: drain.deadline: must be 1s to 48h, not 49h");
}

TEST_F(Config, ReadsEveryKey) {
  files_.make_certificate("other");
  files_.make_ocsp_response("tls", "tls", V_OCSP_CERTSTATUS_GOOD);
  write_secret("ticket.key", std::string(80, 'k'));
  write_secret("zookeeper.auth", "gateway:secret\n");
  const auto result = load(every_key);
  ASSERT_THAT(messages(result), IsEmpty());
  const auto& value = result.value;
  EXPECT_EQ(value.gateway.name, "gw-1");
  EXPECT_TRUE(value.listen.address.address().is_v6());
  EXPECT_EQ(value.listen.backlog, 10);
  EXPECT_EQ(value.listen.fast_open, 7);
  EXPECT_EQ(value.tls.private_key, files_.folder() / "tls.key");
  EXPECT_EQ(value.tls.ocsp_response, files_.folder() / "tls.ocsp");
  EXPECT_THAT(value.tls.names, ElementsAre("chat.example"));
  EXPECT_TRUE(value.tls.strict_sni);
  EXPECT_TRUE(value.tls.requires_tls13);
  EXPECT_THAT(value.tls.suites_12, ElementsAre("ECDHE-ECDSA-AES128-GCM-SHA256"));
  EXPECT_THAT(value.tls.suites_13, ElementsAre("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"));
  EXPECT_THAT(value.tls.curves, ElementsAre("P-384", "X25519"));
  EXPECT_THAT(value.tls.alpn, ElementsAre("chat/2", "chat/1"));
  EXPECT_EQ(value.tls.client_ca, files_.folder() / "tls.pem");
  EXPECT_EQ(value.tls.client_certificate, client_certificates::optional);
  EXPECT_EQ(value.tls.watch_interval, 0ms);
  ASSERT_EQ(value.tls.certificates.size(), 1U);
  EXPECT_EQ(value.tls.certificates[0].certificate, files_.folder() / "other.pem");
  EXPECT_EQ(value.tls.certificates[0].private_key, files_.folder() / "other.key");
  EXPECT_THAT(value.tls.certificates[0].names, ElementsAre("*.other.example"));
  EXPECT_EQ(value.tls.handshake_timeout, 500ms);
  EXPECT_FALSE(value.tls.detach_records);
  EXPECT_TRUE(value.tls.early_data);
  EXPECT_EQ(value.tls.ticket_key_file, files_.folder() / "ticket.key");
  EXPECT_EQ(value.tls.tickets.rotation, 1h);
  EXPECT_EQ(value.tls.tickets.lifetime, 24h);
  EXPECT_EQ(value.auth.method, "login");
  EXPECT_THAT(value.auth.key_path, ElementsAre(1, 2, 30));
  EXPECT_EQ(value.auth.packet_bytes_max, 8'192U);
  EXPECT_EQ(value.auth.timeout, 7s);
  EXPECT_EQ(value.shards.zookeeper, "zk1:2181,zk2:2181/presenter");
  EXPECT_EQ(value.shards.session_timeout, 4s);
  EXPECT_EQ(value.shards.zookeeper_auth_file, files_.folder() / "zookeeper.auth");
  EXPECT_EQ(value.shards.saved_map, files_.folder() / "saved-map.json");
  EXPECT_EQ(value.shards.mass_drop_hold, 2min);
  EXPECT_FALSE(value.shards.remove_dead);
  EXPECT_EQ(value.moves.crash_wait, 20s);
  EXPECT_EQ(value.upstream.links_per_worker, 2U);
  EXPECT_EQ(value.upstream.opening_timeout, 8s);
  EXPECT_EQ(value.upstream.connect_timeout, 2s);
  EXPECT_EQ(value.upstream.ping_interval, 1s);
  EXPECT_EQ(value.upstream.dead_after, 3s);
  EXPECT_EQ(value.upstream.stall_timeout, 1min);
  EXPECT_EQ(value.upstream.deposit_bytes_max, 16'384);
  EXPECT_EQ(value.upstream.notice, 20s);
  EXPECT_EQ(value.upstream.stream_window_bytes, 131'072);
  EXPECT_EQ(value.upstream.link_window_bytes, 1'048'576);
  EXPECT_EQ(value.workers.count, 3U);
  EXPECT_EQ(value.admin.address->port(), 0);
  EXPECT_EQ(value.limits.clients_max, 5'000U);
  EXPECT_EQ(value.limits.address_unauthenticated_max, 100U);
  EXPECT_EQ(value.limits.address_handshakes_per_second, 10U);
  EXPECT_EQ(value.limits.address_handshakes_burst, 50U);
  EXPECT_THAT(value.limits.address_exempt,
              ElementsAre(*parse_address_range("10.0.0.0/8"), *parse_address_range("2001:db8::/32"),
                          *parse_address_range("::1")));
  EXPECT_FALSE(value.clients.keepalive);
  EXPECT_EQ(value.clients.keepalive_idle, 2min);
  EXPECT_EQ(value.clients.keepalive_interval, 20s);
  EXPECT_EQ(value.clients.keepalive_count, 4);
  EXPECT_EQ(value.clients.user_timeout, 1min);
  EXPECT_EQ(value.clients.notsent_lowat_bytes, 65'536);
  EXPECT_EQ(value.clients.idle_timeout, 24h);
  EXPECT_TRUE(value.drain.is_configured);
  EXPECT_EQ(value.drain.quiet, 20min);
  EXPECT_EQ(value.drain.deadline, 2h);
  EXPECT_EQ(value.hooks.directory, files_.folder() / "hooks");
  EXPECT_EQ(value.hooks.timeout, 5s);
  EXPECT_EQ(value.shutdown.timeout, 1min);
  EXPECT_EQ(value.log.level, log_level::debug);
}

TEST_F(Config, AGatewayHasAName) {
  EXPECT_EQ(load_after_minimum("[gateway]\nname = \"gw-1.eu\"\n").value.gateway.name, "gw-1.eu");
  const std::string refused =
      "gateway.name: must be 1 to 255 printable ASCII characters without blanks";
  for (const std::string name : {"gw 1", "gw\\n", "gẅ"})
    EXPECT_THAT(mistake_of("[gateway]\nname = \"" + name + "\"\n"), HasSubstr(refused)) << name;
  EXPECT_THAT(mistake_of("[gateway]\nname = \"" + std::string(256, 'g') + "\"\n"),
              HasSubstr(refused));
}

// The limits of the large clouds' load balancers: 4 min, 350 s. RFC 5382's is far above.
TEST_F(Config, SilentClientsAreAskedBeforeWhatLiesOnTheWayForgetsThem) {
  const clients_config clients;
  EXPECT_LE(clients.keepalive_idle, 230s);
  EXPECT_EQ(clients.user_timeout,
            clients.keepalive_idle + clients.keepalive_count * clients.keepalive_interval);
}

TEST_F(Config, AnAddressOfIpv4InIpv6IsTheOneOfIpv4) {
  EXPECT_EQ(format_endpoint(*parse_endpoint("[::ffff:127.0.0.1]:443")), "127.0.0.1:443");
  EXPECT_THAT(mistake_of("[listen]\naddress = \"[ff02::1]:443\"\n"),
              HasSubstr("listen.address: '[ff02::1]:443' is not an address like"));
}

TEST_F(Config, ReportsEveryMistakeAtOnceInTheFilesOrder) {
  const auto result = load(R"([listen]
adress = "0.0.0.0:443"
backlog = 0
[tls]
certificate = "x.pem"
[auth]
parser = "json"
key_path = "1.0"
packet_bytes_max = 20000
timeout = "soon"
[shards]
zookeeper = "zk"
file = "shards.toml"
[upstrem]
links_per_worker = 2
[log]
level = 3
)");
  EXPECT_THAT(
      messages(result),
      ElementsAre(
          "presenter.toml:2: listen.adress: unknown key, did you mean 'address'?",
          "presenter.toml:3: listen.backlog: must be 1 to 65535, not 0",
          "presenter.toml:4: tls.private_key: is required",
          "presenter.toml:7: auth.parser: must be \"thrift\", not \"json\"",
          "presenter.toml:8: auth.key_path: '1.0' is not 1 to 8 field ids of 1 to 32767, joined "
          "by dots, like '1.1'",
          "presenter.toml:9: auth.packet_bytes_max: must be 64 to 16384, not 20000",
          "presenter.toml:10: auth.timeout: must be a duration: \"500ms\", \"10s\", \"5m\", "
          "\"12h\" or a whole number of seconds",
          "presenter.toml:12: shards.zookeeper: 'zk' is not host:port,host:port/chroot; an IPv6 "
          "address stands in brackets",
          "presenter.toml:13: shards.file: only one of 'zookeeper' and 'file' may be set",
          "presenter.toml:14: upstrem: unknown table, did you mean 'upstream'?",
          "presenter.toml:17: log.level: must be a string, not an integer"));
}

TEST_F(Config, AnEmptyFileLacksWhatIsRequired) {
  EXPECT_THAT(messages(load("")),
              ElementsAre("presenter.toml:1: tls.certificate: is required",
                          "presenter.toml:1: tls.private_key: is required",
                          "presenter.toml:1: shards: needs 'zookeeper' or 'file'"));
}

TEST_F(Config, PlacesASyntaxError) {
  const auto result = load("[listen]\naddress = \n");
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].line, 2U);
  EXPECT_THAT(messages(result)[0], HasSubstr("presenter.toml:2: column "));
}

TEST_F(Config, ASecondTableOfTheSameNameIsASyntaxError) {
  EXPECT_THAT(mistake_of("[tls]\n"), HasSubstr("presenter.toml:6: column "));
}

TEST_F(Config, SurvivesBytesThatAreNotText) {
  EXPECT_EQ(load(std::string("\xff\xfe\0\x01[[[", 7)).errors.size(), 1U);
  EXPECT_EQ(load(std::string(100'000, '[')).errors.size(), 1U);
}

TEST_F(Config, SurvivesBeingCutAnywhere) {
  for (std::size_t size = 0; size < every_key.size(); ++size) {
    const auto lines = std::count(every_key.begin(), every_key.begin() + size, '\n') + 1;
    for (const auto& error : load(every_key.substr(0, size)).errors) {
      EXPECT_GE(error.line, 1U) << size;
      EXPECT_LE(error.line, lines) << size;
    }
  }
}

TEST_F(Config, SaysWhyTheFileItselfCannotBeRead) {
  EXPECT_THAT(messages(load_config(files_.folder() / "none.toml")),
              ElementsAre("cannot read 'none.toml': No such file or directory"));
  EXPECT_THAT(load_config(files_.folder()).errors[0].text, HasSubstr("Is a directory"));
  EXPECT_THAT(load_config("/dev/zero").errors[0].text,
              HasSubstr("'/dev/zero' is larger than 1048576 bytes"));
}

TEST_F(Config, ATableMustBeATable) {
  EXPECT_EQ(mistake_of("[[workers]]\ncount = 1\n"),
            "presenter.toml:6: workers: must be a table, not an array");
}

TEST_F(Config, ChecksAddresses) {
  EXPECT_EQ(mistake_of("[listen]\naddress = \"localhost:443\"\n"),
            "presenter.toml:7: listen.address: 'localhost:443' is not an address like "
            "'0.0.0.0:443' or '[::]:443'");
  EXPECT_THAT(mistake_of("[admin]\naddress = \"127.0.0.1\"\n"), HasSubstr("7: admin.address: "));
}

TEST_F(Config, OpensPowersToNoNetworkWithoutAToken) {
  EXPECT_THAT(mistake_of("[admin]\naddress = \"0.0.0.0:9100\"\n"),
              HasSubstr("7: admin.address: 0.0.0.0:9100 is not the loopback"));
  for (const auto* good : {"[admin]\naddress = \"[::1]:9100\"\nsocket = \"off\"\n",
                           "[admin]\nmetrics_address = \"0.0.0.0:9101\"\n"})
    EXPECT_TRUE(load_after_minimum(good).errors.empty()) << good;
  EXPECT_THAT(mistake_of("[admin]\nsocket = \"" + std::string(120, 's') + "\"\n"),
              HasSubstr("is longer than 107 bytes"));
}

TEST_F(Config, ChecksRangesOfDurations) {
  EXPECT_EQ(mistake_of("[upstream]\nopening_timeout = \"1ms\"\n"),
            "presenter.toml:7: upstream.opening_timeout: must be 100ms to 5m, not 1ms");
  EXPECT_EQ(mistake_of("[shutdown]\ntimeout = 3601\n"),
            "presenter.toml:7: shutdown.timeout: must be 0s to 1h, not 3601s");
  EXPECT_EQ(mistake_of("[moves]\nleft_grace = \"6m\"\n"),
            "presenter.toml:7: moves.left_grace: must be 0s to 5m, not 6m");
  EXPECT_THAT(mistake_of("[shutdown]\ntimeout = -1\n"), HasSubstr("must be a duration"));
  EXPECT_THAT(mistake_of("[shutdown]\ntimeout = 1.5\n"), HasSubstr("must be a duration"));
}

TEST_F(Config, WindowsMustHoldAFirstPacketAndFitTheLink) {
  EXPECT_EQ(mistake_of("[upstream]\nstream_window_bytes = 4096\n"),
            "presenter.toml:7: upstream.stream_window_bytes: 4096 is less than "
            "auth.packet_bytes_max and its length, 4100");
  EXPECT_THAT(mistake_of("[upstream]\nlink_window_bytes = 16384\n"),
              HasSubstr("16384 is less than twice stream_window_bytes, 65536"));
}

TEST_F(Config, ALinkIsSuspectBeforeItIsDead) {
  EXPECT_EQ(
      mistake_of("[upstream]\nping_interval = \"7s\"\n"),
      "presenter.toml:6: upstream.dead_after: 20s is less than three times ping_interval, 7s");
  EXPECT_EQ(
      mistake_of("[upstream]\ndead_after = \"14s\"\n"),
      "presenter.toml:7: upstream.dead_after: 14s is less than three times ping_interval, 5s");
  EXPECT_EQ(mistake_of("[upstream]\nping_interval = \"10ms\"\n"),
            "presenter.toml:7: upstream.ping_interval: must be 50ms to 5m, not 10ms");
}

TEST_F(Config, LevelIsOneOfFour) {
  EXPECT_EQ(mistake_of("[log]\nlevel = \"loud\"\n"),
            "presenter.toml:7: log.level: must be one of debug, info, warning, error, not 'loud'");
}

TEST_F(Config, StringsAreNotEmpty) {
  EXPECT_EQ(mistake_of("[auth]\nmethod = \"\"\n"),
            "presenter.toml:7: auth.method: must not be empty or contain NUL");
}

TEST_F(Config, ATicketKeyLivesForSeveralRotations) {
  const auto tickets = [&](const std::string& lines) {
    return messages(load(tls_lines + lines + shards_lines));
  };
  EXPECT_THAT(tickets("ticket_rotation = \"30s\"\nticket_lifetime = \"1m\"\n"), IsEmpty());
  EXPECT_THAT(tickets("ticket_rotation = \"30s\"\nticket_lifetime = \"59s\"\n"),
              ElementsAre("presenter.toml:5: tls.ticket_lifetime: 59s is not between 2 and 48 "
                          "times ticket_rotation, 30s"));
  EXPECT_THAT(tickets("ticket_rotation = \"1h\"\n"),
              ElementsAre("presenter.toml:1: tls.ticket_lifetime: 168h is not between 2 and 48 "
                          "times ticket_rotation, 1h"));
  EXPECT_THAT(tickets("ticket_lifetime = \"169h\"\n"),
              ElementsAre("presenter.toml:4: tls.ticket_lifetime: must be 2s to 168h, not 169h"));
}

TEST_F(Config, TheIdentityForZooKeeperIsOneLineAndSecret) {
  const auto load_auth = [&](const std::string& shards) {
    return messages(load(tls_lines + ("[shards]\n" + shards)));
  };
  const std::string both = "zookeeper = \"zk:2181\"\nzookeeper_auth_file = \"zk.auth\"\n";
  const auto path = write_secret("zk.auth", "user:pass word:more\n");
  EXPECT_THAT(load_auth(both), IsEmpty());
  EXPECT_THAT(load_auth("file = \"shards.toml\"\nzookeeper_auth_file = \"zk.auth\"\n"),
              ElementsAre("presenter.toml:6: shards.zookeeper_auth_file: is of no use without "
                          "'zookeeper'"));
  std::filesystem::permissions(path, std::filesystem::perms{0620});
  EXPECT_THAT(load_auth(both), ElementsAre(HasSubstr("'zk.auth' is open to others, mode 620")));
  std::filesystem::permissions(path, std::filesystem::perms{0600});
  for (const std::string text : {"", "user", "user:", ":password", "user:a\nuser:b", "user:\t"}) {
    files_.write("zk.auth", text);
    EXPECT_THAT(load_auth(both),
                ElementsAre("presenter.toml:6: shards.zookeeper_auth_file: 'zk.auth' does not hold "
                            "one line user:password"))
        << text;
  }
  files_.write("zk.auth", "user:" + std::string(2'000, 'p'));
  EXPECT_THAT(load_auth(both), ElementsAre(HasSubstr("does not hold one line")));
}

TEST_F(Config, TheDeadAreRemovedByWhoHasAnIdentityOrIsToldTo) {
  write_secret("zk.auth", "user:password\n");
  const auto removes = [&](const std::string& shards) {
    return load(tls_lines + ("[shards]\n" + shards)).value.shards.remove_dead;
  };
  EXPECT_FALSE(removes("zookeeper = \"zk:2181\"\n"));
  EXPECT_TRUE(removes("zookeeper = \"zk:2181\"\nremove_dead = true\n"));
  EXPECT_TRUE(removes("zookeeper = \"zk:2181\"\nzookeeper_auth_file = \"zk.auth\"\n"));
  EXPECT_FALSE(
      removes("zookeeper = \"zk:2181\"\nzookeeper_auth_file = \"zk.auth\"\n"
              "remove_dead = false\n"));
  EXPECT_THAT(
      messages(
          load(tls_lines + std::string("[shards]\nfile = \"shards.toml\"\nremove_dead = true\n"))),
      ElementsAre("presenter.toml:6: shards.remove_dead: is of no use without 'zookeeper'"));
}

TEST_F(Config, TheSavedMapNeedsAFolderThatCanBeWritten) {
  const auto load_saved = [&](const std::string& shards) {
    return messages(load(tls_lines + ("[shards]\n" + shards)));
  };
  EXPECT_THAT(load_saved("zookeeper = \"zk:2181\"\nsaved_map = \"map.json\"\n"), IsEmpty());
  EXPECT_THAT(load_saved("zookeeper = \"zk:2181\"\nsaved_map = \"nowhere/map.json\"\n"),
              ElementsAre("presenter.toml:6: shards.saved_map: there is no folder 'nowhere'"));
  EXPECT_THAT(load_saved("file = \"shards.toml\"\nsaved_map = \"map.json\"\n"),
              ElementsAre("presenter.toml:6: shards.saved_map: is of no use without 'zookeeper'"));
}

TEST_F(Config, TheMapFileMustExist) {
  EXPECT_THAT(
      messages(load(std::string{tls_lines} + "[shards]\nfile = \"/none/shards.toml\"\n")),
      ElementsAre("presenter.toml:5: shards.file: cannot read '/none/shards.toml': No such file or "
                  "directory"));
}

TEST_F(Config, UserTimeoutDoesNotCutKeepAliveShort) {
  EXPECT_EQ(mistake_of("[clients]\nuser_timeout = \"5m\"\n"),
            "presenter.toml:7: clients.user_timeout: 5m is less than keepalive_idle + "
            "keepalive_count × keepalive_interval, 315s: it would replace the count");
  EXPECT_THAT(messages(load_after_minimum("[clients]\nuser_timeout = 0\n")), IsEmpty());
  EXPECT_THAT(messages(load_after_minimum("[clients]\nuser_timeout = 20\nkeepalive = false\n")),
              IsEmpty());
  EXPECT_THAT(messages(load_after_minimum("[clients]\nuser_timeout = 20\nkeepalive_idle = 10\n"
                                          "keepalive_interval = 5\nkeepalive_count = 2\n")),
              IsEmpty());
}

TEST_F(Config, ZeroIsOffOnlyWhereItMeansThat) {
  EXPECT_EQ(mistake_of("[clients]\nidle_timeout = \"500ms\"\n"),
            "presenter.toml:7: clients.idle_timeout: must be 0 or 1s to 168h, not 500ms");
  EXPECT_THAT(messages(load_after_minimum("[clients]\nidle_timeout = 0\n")), IsEmpty());
  EXPECT_EQ(mistake_of("[clients]\nkeepalive_idle = 0\n"),
            "presenter.toml:7: clients.keepalive_idle: must be 1s to 9h, not 0s");
  EXPECT_EQ(
      mistake_of("[clients]\nnotsent_lowat_bytes = 100\n"),
      "presenter.toml:7: clients.notsent_lowat_bytes: must be 0 or 4096 to 16777216, not 100");
}

TEST_F(Config, ChecksRangesOfAddresses) {
  EXPECT_EQ(mistake_of("[limits]\naddress_exempt = [\"10.0.0.1/8\"]\n"),
            "presenter.toml:7: limits.address_exempt: '10.0.0.1/8' is not like '10.0.0.0/8', "
            "'2001:db8::/32' or one address, with no bits set behind the prefix");
  EXPECT_EQ(mistake_of("[limits]\naddress_exempt = \"10.0.0.0/8\"\n"),
            "presenter.toml:7: limits.address_exempt: must be an array of strings");
  EXPECT_EQ(mistake_of("[limits]\naddress_exempt = [\"10.0.0.0/8\", 1]\n"),
            "presenter.toml:7: limits.address_exempt: must be an array of strings");
  EXPECT_EQ(
      mistake_of("[limits]\naddress_exempt = [\"\"]\n"),
      "presenter.toml:7: limits.address_exempt: must not hold an empty string or one with NUL");
  const auto none = load_after_minimum("[limits]\naddress_exempt = []\n");
  ASSERT_THAT(messages(none), IsEmpty());
  EXPECT_THAT(none.value.limits.address_exempt, IsEmpty());
}

TEST(DescriptorsWatermark, LiesBetweenWhatClientsMayTakeAndTheLimit) {
  for (const std::uint64_t most : {64U, 1'024U, 1'000'000U}) {
    EXPECT_GT(descriptors_watermark_of(most), clients_max_of({}, most));
    EXPECT_LT(descriptors_watermark_of(most), most);
  }
}

TEST(ClientsMax, LeavesAReserveOfDescriptors) {
  config settings;
  EXPECT_EQ(clients_max_of(settings, 1'024), 896U);
  EXPECT_EQ(clients_max_of(settings, 1'000'000), 995'904U);
  EXPECT_EQ(clients_max_of(settings, 0), 1U);
  settings.limits.clients_max = 500;
  EXPECT_EQ(clients_max_of(settings, 1'024), 500U);
  settings.limits.clients_max = 5'000;
  EXPECT_EQ(clients_max_of(settings, 1'024), 896U);
}

}  // namespace
}  // namespace presenter::gateway
