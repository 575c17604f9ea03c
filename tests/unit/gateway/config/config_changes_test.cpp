#include "gateway/config/config_changes.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config_fixture.hpp"
#include "gateway/config/config_keys.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> told(const std::vector<key_change>& changes) {
  std::vector<std::string> texts;
  texts.reserve(changes.size());
  for (const key_change& each : changes)
    texts.push_back(each.key + ": " + each.before + " → " + each.after);
  return texts;
}

std::vector<std::string> told(const config& before, const config& after) {
  const config_places nowhere;
  return told(changes_between({before, nowhere}, {after, nowhere}));
}

TEST(ConfigChanges, ThereAreNoneBetweenTheSame) {
  EXPECT_THAT(told(config{}, config{}), IsEmpty());
}

TEST(ConfigChanges, AreToldKeyByKey) {
  config before;
  before.tls.certificates.resize(1);
  before.tls.certificates[0].certificate = "old.pem";
  config after;
  after.log.level = log_level::error;
  after.drain.is_configured = true;
  after.drain.deadline = 90s;
  after.limits.address_exempt.clear();
  EXPECT_THAT(
      told(before, after),
      ElementsAre(R"(limits.address_exempt: ["127.0.0.0/8", "::1/128"] → [])",
                  "drain.deadline:  → 90s", "log.level: info → error",
                  "tls.certificates[1].certificate: old.pem → ", "tls.certificates[1].names: [] → ",
                  "tls.certificates[1].ocsp_response:  → ", "tls.certificates[1].private_key:  → ",
                  "[drain]:  → there"));
}

class ConfigChangesOfFiles : public config_fixture {};

// The value may be a secret.
TEST_F(ConfigChangesOfFiles, ShowVariablesAsTheFileHasThem) {
  const auto with = [this](const std::string& method, const environment_map& environment) {
    return load_config(files_.write("presenter.toml", std::string(tls_lines) + shards_lines +
                                                          "[auth]\nmethod = \"" + method + "\"\n"),
                       environment);
  };
  const auto plain = with("log_in", {});
  const auto hidden = with("${METHOD}", {{"METHOD", "secret"}});
  EXPECT_THAT(told(changes_between({plain.value, plain.places}, {hidden.value, hidden.places})),
              ElementsAre("auth.method: log_in → ${METHOD}"));
}

// Another value for a key, by its range: the least or the greatest, or another word. Empty: it
// takes more than that.
std::string other_value(const described_key& key) {
  if (key.type == value_type::boolean) return key.value == "true" ? "false" : "true";
  if (key.range.starts_with('`')) {
    const std::string first = key.range.substr(1, key.range.find('`', 1) - 1);
    const auto second = key.range.find(" `") + 2;
    return first != key.value ? first
                              : key.range.substr(second, key.range.find('`', second) - second);
  }
  constexpr std::string_view dash = " – ";
  const auto at = key.range.find(dash);
  if (at == std::string::npos) return {};
  const auto blank = key.range.rfind(' ', at - 1);
  const std::string least = key.range.substr(blank == std::string::npos ? 0 : blank + 1,
                                             blank == std::string::npos ? at : at - blank - 1);
  return least != key.value ? least : key.range.substr(at + dash.size());
}

bool is_changed(const config& before, const config& after, const std::string& key) {
  const config_places nowhere;
  return std::ranges::any_of(changes_between({before, nowhere}, {after, nowhere}),
                             [&](const key_change& each) { return each.key == key; });
}

// A key that a reload is said to leave alone is kept by what_can_change, any other is not.
TEST_F(ConfigChangesOfFiles, EachKeyIsTakenAsTheTableSays) {
  const auto file =
      files_.write("presenter.toml", std::string(tls_lines) + shards_lines + "[admin]\n");
  const config running = load_config(file, {}).value;
  std::size_t tried = 0;
  for (const described_key& each : describe(config{})) {
    const config wanted = load_config(file, {{variable_of(each), other_value(each)}}).value;
    if (!is_changed(running, wanted, each.name())) continue;
    ++tried;
    EXPECT_EQ(is_changed(running, what_can_change(running, wanted), each.name()),
              text_of_key(each.name()).effect < reload_effect::upgrade)
        << each.name() << ": gateway/config/config_changes.cpp and key_texts.cpp differ";
  }
  EXPECT_GT(tried, 50U);
}

// So many other values that each key differs that this file sets.
constexpr std::string_view others = R"(
[gateway]
name = "gw-1"
[listen]
address = "[::1]:8443"
backlog = 10
[clients]
idle_timeout = "24h"
[tls]
certificate = "tls.pem"
private_key = "tls.key"
early_data = true
min_version = "1.3"
[auth]
timeout = 7
[shards]
file = "shards.toml"
session_timeout = "4s"
mass_drop_hold = "2m"
[moves]
crash_wait = "20s"
[upstream]
links_per_worker = 2
[workers]
count = 7
[admin]
address = "127.0.0.1:9100"
[limits]
clients_max = 99
[dns]
ttl = "99s"
[balance]
floor = 0.3
[drain]
quiet = "11m"
[hooks]
timeout = "9s"
[upgrade]
timeout = "9s"
[shutdown]
timeout = "9s"
[log]
level = "error"
)";

// What is taken is what the table of the keys says, and the rest stays.
TEST_F(ConfigChangesOfFiles, WhatCanChangeIsWhatTheTableSays) {
  const config running = load(std::string(tls_lines) + shards_lines).value;
  const config_result wanted = load(others);
  EXPECT_THAT(messages(wanted), IsEmpty());
  const config next = what_can_change(running, wanted.value);
  const config_places nowhere;
  for (const auto& each : changes_between({running, nowhere}, {next, nowhere}))
    EXPECT_LE(each.effect, reload_effect::new_links) << each.key;
  const auto left = changes_between({next, nowhere}, {wanted.value, nowhere});
  for (const auto& each : left)
    EXPECT_GE(each.effect, reload_effect::upgrade) << each.key;
  EXPECT_EQ(left.size(), 7U);
}

// Whether a token is needed depends on the address, which stays.
TEST(ConfigChanges, TheTokenChangesWhereTheAddressDoesNot) {
  config running;
  running.admin.address = {boost::asio::ip::make_address("192.0.2.1"), 9'100};
  running.admin.token_file = "old";
  config wanted = running;
  wanted.admin.token_file = "new";
  EXPECT_EQ(what_can_change(running, wanted).admin.token_file, "new");
  wanted.admin.address = {boost::asio::ip::make_address("127.0.0.1"), 9'100};
  wanted.admin.token_file.reset();
  EXPECT_EQ(what_can_change(running, wanted).admin.token_file, "old");
}

// Between a file and ZooKeeper there is no way at all.
TEST_F(ConfigChangesOfFiles, AFixedMapMayBeAnother) {
  files_.write("other.toml", "[[server]]\nname = \"chat1\"\nhost = \"127.0.0.1\"\nport = 7001\n");
  const config running = load(std::string(tls_lines) + shards_lines).value;
  const config other = load(std::string(tls_lines) + "[shards]\nfile = \"other.toml\"\n").value;
  const config fleet = load(std::string(tls_lines) + "[shards]\nzookeeper = \"zk:2181\"\n").value;
  EXPECT_EQ(what_can_change(running, other).shards.file, other.shards.file);
  EXPECT_EQ(what_can_change(running, fleet).shards.file, running.shards.file);
  EXPECT_EQ(what_can_change(running, fleet).shards.zookeeper, std::nullopt);
}

}  // namespace
}  // namespace presenter::gateway
