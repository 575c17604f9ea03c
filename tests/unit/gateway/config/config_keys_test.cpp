// What is told of the keys: by the reader itself, in words, and by the environment.
#include "gateway/config/config_keys.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config_fixture.hpp"
#include "gateway/config/config_environment.hpp"
#include "gateway/config/config_help.hpp"
#include "gateway/config/key_texts.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

described_key key_of(const config& values, std::string_view name) {
  const auto keys = describe(values);
  const auto found =
      std::ranges::find(keys, name, [](const described_key& each) { return each.name(); });
  EXPECT_NE(found, keys.end()) << name;
  return found == keys.end() ? described_key{} : *found;
}

TEST(ConfigKeys, AreToldWithDefaultAndRange) {
  const auto backlog = key_of({}, "listen.backlog");
  EXPECT_EQ(backlog.type, value_type::integer);
  EXPECT_EQ(backlog.value, "4096");
  EXPECT_EQ(backlog.range, "1 – 65535");
  EXPECT_EQ(key_of({}, "clients.idle_timeout").value, "0");
  EXPECT_EQ(key_of({}, "clients.idle_timeout").range, "0, or 1s – 168h");
  EXPECT_EQ(key_of({}, "log.level").range, "`debug`, `info`, `warning` or `error`");
  EXPECT_EQ(key_of({}, "balance.shed").value, "off");
  EXPECT_EQ(key_of({}, "drain.deadline").value, "");
  EXPECT_EQ(key_of({}, "limits.address_exempt").value, R"(["127.0.0.0/8", "::1/128"])");
  EXPECT_EQ(key_of({}, "dns.route53.endpoint").value, "https://route53.amazonaws.com");
}

// The values that are there, not the defaults: also those that hang on each other.
TEST(ConfigKeys, AreToldOfAnyValues) {
  config values;
  values.shards.remove_dead = true;
  values.tls.requires_tls13 = true;
  values.tls.certificates.resize(2);
  values.tls.certificates[1].names = {"a.example", "b.example"};
  values.drain.deadline = 2h;
  EXPECT_EQ(key_of(values, "shards.remove_dead").value, "true");
  EXPECT_EQ(key_of(values, "tls.min_version").value, "1.3");
  EXPECT_EQ(key_of(values, "tls.certificates[2].names").value, R"(["a.example", "b.example"])");
  EXPECT_EQ(key_of(values, "drain.deadline").value, "2h");
}

TEST(ConfigKeys, EachHasItsWordsAndNoWordsAreAboutNothing) {
  config values;
  values.tls.certificates.resize(1);
  std::vector<std::string> names;
  for (const auto& each : describe(values)) {
    names.push_back(each.table.name + '.' + each.key);
    EXPECT_FALSE(text_of_key(names.back()).text.empty())
        << names.back() << " has no line in gateway/config/key_texts.cpp";
  }
  for (const auto& each : all_key_texts())
    EXPECT_NE(std::ranges::find(names, each.key), names.end()) << each.key << " is no key";
}

TEST(ConfigHelp, TellsOfAKeyASectionAndAll) {
  std::string mistake;
  EXPECT_THAT(*config_help("log.level", mistake), HasSubstr("PRESENTER_LOG_LEVEL"));
  EXPECT_THAT(*config_help("listen", mistake), HasSubstr("listen.fast_open"));
  EXPECT_THAT(*config_help("listen", mistake), Not(HasSubstr("log.level")));
  EXPECT_THAT(*config_help("", mistake), HasSubstr("dns.exec.timeout"));
  EXPECT_EQ(config_help("log.levl", mistake), std::nullopt);
  EXPECT_THAT(mistake, HasSubstr("did you mean 'log.level'?"));
}

class Environment : public config_fixture {
 protected:
  config_result load_with(std::string_view text, const environment_map& environment) const {
    return load_config(files_.write("presenter.toml", text), environment);
  }
  const std::string good = std::string(tls_lines) + shards_lines;
};

TEST_F(Environment, OverridesAKeyOfAnyType) {
  const auto loaded = load_with(good + "[log]\nlevel = \"error\"\n",
                                {{"PRESENTER_LOG_LEVEL", "debug"},
                                 {"PRESENTER_LISTEN_BACKLOG", "17"},
                                 {"PRESENTER_AUTH_TIMEOUT", "3s"},
                                 {"PRESENTER_SHUTDOWN_TIMEOUT", "4"},
                                 {"PRESENTER_TLS_STRICT_SNI", "true"},
                                 {"PRESENTER_TLS_ALPN", "chat/2, chat/1"},
                                 {"PRESENTER_LIMITS_ADDRESS_EXEMPT", R"(["10.0.0.0/8"])"},
                                 {"PRESENTER_BALANCE_FLOOR", "0.5"},
                                 {"PRESENTER_BALANCE_SHED", "1.5"},
                                 {"PRESENTER_DNS_ROUTE53_PROFILE", "chat"},
                                 {"PRESENTER_MOVES_LEFT_GRACE", ""}});
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.value.log.level, log_level::debug);
  EXPECT_EQ(loaded.value.listen.backlog, 17);
  EXPECT_EQ(loaded.value.auth.timeout, 3s);
  EXPECT_EQ(loaded.value.shutdown.timeout, 4s);
  EXPECT_TRUE(loaded.value.tls.strict_sni);
  EXPECT_THAT(loaded.value.tls.alpn, ElementsAre("chat/2", "chat/1"));
  EXPECT_EQ(loaded.value.limits.address_exempt.size(), 1U);
  EXPECT_EQ(loaded.value.balance.floor, 0.5);
  EXPECT_EQ(loaded.value.balance.shed, 1.5);
  EXPECT_EQ(loaded.value.dns.route53.profile, "chat");
  EXPECT_EQ(loaded.value.moves.left_grace, 5s);
  EXPECT_EQ(loaded.places.origin_of({"log"}, "level"), "environment PRESENTER_LOG_LEVEL");
  EXPECT_THAT(loaded.places.origin_of({"tls"}, "certificate"), HasSubstr("presenter.toml:2"));
  EXPECT_EQ(loaded.places.origin_of({"moves"}, "left_grace"), "");
}

TEST_F(Environment, IsNamedByItsMistakes) {
  const auto loaded = load_with(good, {{"PRESENTER_LOG_LEVEL", "loud"},
                                       {"PRESENTER_LISTEN_BACKLOG", "many"},
                                       {"PRESENTER_TLS_ALPN", "[\"a\""},
                                       {"PRESENTER_AUTH_TIMEOUT", "1ms"}});
  EXPECT_THAT(
      messages(loaded),
      ElementsAre(
          "environment PRESENTER_LISTEN_BACKLOG: listen.backlog: must be an integer, not a string",
          "environment PRESENTER_TLS_ALPN: tls.alpn: must be an array of strings",
          "environment PRESENTER_AUTH_TIMEOUT: auth.timeout: must be 100ms to 5m, not 1ms",
          "environment PRESENTER_LOG_LEVEL: log.level: must be one of debug, info, warning, "
          "error, not 'loud'"));
}

// Whoever reads what the values name blames the variable as well.
TEST_F(Environment, IsNamedByMistakesThatAreFoundLater) {
  auto loaded = load_with(good, {{"PRESENTER_TLS_PRIVATE_KEY", "other.key"}});
  loaded.fail({"tls"}, "private_key", "does not fit");
  EXPECT_THAT(messages(loaded),
              ElementsAre("environment PRESENTER_TLS_PRIVATE_KEY: tls.private_key: does not fit"));
}

TEST_F(Environment, WarnsOfWhatLooksLikeAKeyAndIsNone) {
  const auto loaded = load_with(good, {{"PRESENTER_LOG_LEVL", "debug"},
                                       {"PRESENTER_BIN", "bin"},
                                       {"PRESENTER_ADMIN", "127.0.0.1:1"},
                                       {"PRESENTER_ADMIN_SERVICE_HOST", "10.0.0.1"},
                                       {"PRESENTER_ADMIN_PORT_9100_TCP", "tcp://10.0.0.1:9100"}});
  EXPECT_THAT(messages(loaded), IsEmpty());
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0].to_string(),
            "environment PRESENTER_LOG_LEVL: [log] has no such key, did you mean "
            "'PRESENTER_LOG_LEVEL'?");
}

TEST_F(Environment, StandsForVariablesInStrings) {
  const auto loaded = load_with(std::string(tls_lines) +
                                    "alpn = [\"chat/${V}\"]\n[shards]\n"
                                    "zookeeper = \"${ZK}:2181/$${x}\"\n",
                                {{"V", "2"}, {"ZK", "zk1"}});
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_EQ(loaded.value.shards.zookeeper, "zk1:2181/${x}");
  EXPECT_THAT(loaded.value.tls.alpn, ElementsAre("chat/2"));
  EXPECT_EQ(*loaded.places.written({"shards"}, "zookeeper"), "${ZK}:2181/$${x}");
  EXPECT_EQ(loaded.places.written({"tls"}, "certificate"), nullptr);
}

TEST_F(Environment, NamesAVariableThatIsNotThere) {
  const auto loaded =
      load_with(good + "[auth]\nmethod = \"${NOBODY}\"\n[hooks]\ndirectory = \"${BROKEN\"\n", {});
  EXPECT_THAT(messages(loaded),
              ElementsAre("presenter.toml:7: auth.method: the environment has no variable 'NOBODY'",
                          "presenter.toml:9: hooks.directory: the environment has no variable "
                          "'BROKEN'"));
}

}  // namespace
}  // namespace presenter::gateway
