// The files of [tls] and [[tls.certificates]], and what is said of them and of their tables.
#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/control/file_checks.hpp"
#include "tests/unit/gateway/config/config_fixture.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileChecks : public config_fixture {
 protected:
  config_result load(std::string_view text) const {
    auto loaded = config_fixture::load(text);
    EXPECT_THAT(check_files(loaded).in_map, IsEmpty());
    return loaded;
  }

  // With these lines in [tls], which begin in line 6.
  std::vector<std::string> mistakes_in(const std::string& lines) const {
    return messages(load(std::string{shards_lines} + tls_lines + lines));
  }
};

TEST_F(FileChecks, DefaultsAreMozillasIntermediateWithoutDhAndP384) {
  const auto result = load(std::string{tls_lines} + shards_lines);
  const tls_config& tls = result.value.tls;
  EXPECT_FALSE(tls.requires_tls13);
  EXPECT_THAT(tls.suites_12,
              ElementsAre("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
                          "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
                          "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"));
  EXPECT_EQ(tls.suites_13.size(), 3U);
  EXPECT_THAT(tls.curves, ElementsAre("X25519", "P-256"));
  EXPECT_THAT(tls.alpn, IsEmpty());
  EXPECT_EQ(tls.client_certificate, client_certificates::none);
  EXPECT_FALSE(tls.strict_sni);
  EXPECT_EQ(tls.watch_interval, 2s);
}

TEST_F(FileChecks, NamesOfSuitesAndCurvesAreOpenssls) {
  EXPECT_THAT(mistakes_in("suites_12 = [\"ECDHE-RSA-AES128-GCM-SHA256\", \"HIGH\", "
                          "\"ECDHE-ECDSA-NULL-SHA\", \"AECDH-AES128-SHA\"]\n"),
              ElementsAre("presenter.toml:6: tls.suites_12: 'HIGH' is no suite of TLS 1.2 that "
                          "OpenSSL has",
                          HasSubstr("'ECDHE-ECDSA-NULL-SHA'"), HasSubstr("'AECDH-AES128-SHA'")));
  EXPECT_THAT(mistakes_in("suites_13 = [\"ECDHE-RSA-AES128-GCM-SHA256\"]\n"),
              ElementsAre(HasSubstr("is no suite of TLS 1.3")));
  EXPECT_THAT(mistakes_in("curves = [\"X25519:P-256\", \"P-1\"]\n"),
              ElementsAre(HasSubstr("'X25519:P-256' is no group"), HasSubstr("'P-1' is no group")));
  EXPECT_THAT(
      mistakes_in("curves = [\"X25519\", \"P-256\", \"X25519\"]\n"),
      ElementsAre("presenter.toml:6: tls.curves: 'X25519' is a group that is named before"));
  EXPECT_THAT(mistakes_in("suites_13 = []\n"), ElementsAre(HasSubstr("must name one at least")));
  EXPECT_THAT(mistakes_in("suites_13 = [1]\n"),
              ElementsAre(HasSubstr("must be an array of strings")));
  EXPECT_THAT(mistakes_in("alpn = [\"" + std::string(256, 'a') + "\"]\n"),
              ElementsAre(HasSubstr("tls.alpn: must be at most 16 names of at most 255 bytes")));
  EXPECT_THAT(mistakes_in("alpn = \"h2\"\n"),
              ElementsAre(HasSubstr("must be an array of strings")));
  EXPECT_THAT(mistakes_in("min_version = \"1.1\"\n"),
              ElementsAre(HasSubstr("must be one of 1.2, 1.3, not '1.1'")));
}

TEST_F(FileChecks, ClientsCertificatesNeedAuthorities) {
  EXPECT_THAT(mistakes_in("client_certificate = \"required\"\n"),
              ElementsAre(HasSubstr("tls.client_certificate: needs 'client_ca'")));
  EXPECT_THAT(mistakes_in("client_certificate = \"always\"\n"),
              ElementsAre(HasSubstr("must be one of none, optional, required, not 'always'")));
  EXPECT_THAT(mistakes_in("client_ca = \"tls.pem\"\n"),
              ElementsAre(HasSubstr("tls.client_ca: is of no use without")));
  EXPECT_THAT(mistakes_in("client_certificate = \"optional\"\nclient_ca = \"x.pem\"\n"),
              ElementsAre(HasSubstr("presenter.toml:7: tls.client_ca: cannot read 'x.pem'")));
}

TEST_F(FileChecks, EachPairIsChecked) {
  files_.make_certificate("a", certificate_recipe{.names = {"a.example"}});
  EXPECT_THAT(mistakes_in("[[tls.certificates]]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n"),
              ElementsAre("presenter.toml:6: tls.certificates.private_key: is required",
                          HasSubstr("presenter.toml:8: tls.certificates.key: unknown key")));
  EXPECT_THAT(mistakes_in("[[tls.certificates]]\ncertificate = \"a.pem\"\n"
                          "private_key = \"tls.key\"\n"),
              ElementsAre(HasSubstr("presenter.toml:8: tls.certificates.private_key: 'tls.key' is "
                                    "not the key of the first certificate in 'a.pem'")));
  EXPECT_THAT(mistakes_in("certificates = 5\n"), ElementsAre(HasSubstr("must be [[tables]]")));
  EXPECT_THAT(mistakes_in("watch_interval = \"50ms\"\n"),
              ElementsAre(HasSubstr("must be 0 or 100ms to 1h, not 50ms")));
  EXPECT_THAT(mistakes_in("ocsp_response = \"tls.key\"\n"),
              ElementsAre(HasSubstr("tls.ocsp_response: 'tls.key' is no OCSP response in DER")));
}

TEST_F(FileChecks, WarnsOfWhatHasExpired) {
  files_.make_certificate("tls", certificate_recipe{.names = {"localhost"}, .seconds_left = -60});
  const auto result = load(std::string{tls_lines} + shards_lines);
  EXPECT_THAT(messages(result), IsEmpty());
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0].line, 2U);
  EXPECT_EQ(result.warnings[0].key, "tls.certificate");
  EXPECT_THAT(result.warnings[0].text, HasSubstr("has expired on "));
}

TEST_F(FileChecks, WarnsOfAChainThatIsOutOfOrder) {
  files_.make_certificate("root");
  files_.make_certificate(
      "leaf", certificate_recipe{.names = {"localhost"}, .common_name = "leaf", .issuer = "root"});
  const auto text_in = [&](const std::string& name) {
    std::ifstream file(files_.folder() / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string leaf = text_in("leaf.pem");
  const std::string root = text_in("root.pem");
  files_.write("tls.key", text_in("leaf.key"));
  files_.write("tls.pem", leaf + root);
  EXPECT_THAT(load(std::string{tls_lines} + shards_lines).warnings, IsEmpty());
  files_.write("tls.pem", leaf + leaf + root);
  const auto result = load(std::string{tls_lines} + shards_lines);
  EXPECT_THAT(messages(result), IsEmpty());
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0].key, "tls.certificate");
  EXPECT_THAT(result.warnings[0].text, HasSubstr("out of order"));

  files_.write("tls.pem", root + leaf);
  EXPECT_THAT(messages(load(std::string{tls_lines} + shards_lines)),
              ElementsAre(HasSubstr("but of a later one: the leaf comes first")));
}

TEST_F(FileChecks, WarnsOfAPrivateKeyThatIsOpenToOthers) {
  const auto warnings_with = [&](unsigned mode) {
    std::filesystem::permissions(files_.folder() / "tls.key", std::filesystem::perms{mode});
    return load(std::string{tls_lines} + shards_lines).warnings;
  };
  EXPECT_THAT(warnings_with(0640), IsEmpty());
  const auto warnings = warnings_with(0644);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].key, "tls.private_key");
  EXPECT_THAT(warnings[0].text, HasSubstr("is open to others, mode 644: chmod 600 or 640"));
}

TEST_F(FileChecks, TicketKeysInAFileAreWholeAndSecret) {
  const auto load_keys = [&] {
    return messages(load(std::string{tls_lines} + "ticket_key_file = \"t.key\"\n" + shards_lines));
  };
  const auto path = files_.write("t.key", std::string(80, 'k'));
  std::filesystem::permissions(path, std::filesystem::perms{0600});
  EXPECT_THAT(load_keys(), IsEmpty());
  std::filesystem::permissions(path, std::filesystem::perms{0644});
  EXPECT_THAT(load_keys(), ElementsAre("presenter.toml:4: tls.ticket_key_file: 't.key' is open to "
                                       "others, mode 644: chmod 600 or 640"));
  std::filesystem::permissions(path, std::filesystem::perms{0640});
  EXPECT_THAT(load_keys(), IsEmpty());
  files_.write("t.key", std::string(81, 'k'));
  EXPECT_THAT(load_keys(), ElementsAre("presenter.toml:4: tls.ticket_key_file: 't.key': not 1 to "
                                       "64 ticket keys of 80 bytes each"));
}

TEST_F(FileChecks, HooksCanBeRun) {
  const auto mistakes = [&] {
    return messages(load(std::string{tls_lines} + shards_lines + "[hooks]\ndirectory = \"h\"\n"));
  };
  EXPECT_THAT(mistakes(), ElementsAre("presenter.toml:7: hooks.directory: there is no folder 'h'"));
  std::filesystem::create_directory(files_.folder() / "h");
  EXPECT_THAT(mistakes(), IsEmpty());
  files_.write("h/10-a", "#!/bin/sh\n");
  EXPECT_THAT(mistakes(), ElementsAre(HasSubstr("'h/10-a' is not executable")));
}

TEST_F(FileChecks, KeyMustBelongToTheCertificate) {
  files_.make_certificate("other");
  const auto result =
      load(std::string{"[tls]\ncertificate = \"tls.pem\"\nprivate_key = \"other.key\"\n"} +
           shards_lines);
  EXPECT_THAT(messages(result),
              ElementsAre("presenter.toml:3: tls.private_key: 'other.key' is not the key of the "
                          "first certificate in 'tls.pem'"));
}

TEST_F(FileChecks, RejectsFilesThatAreNotPem) {
  files_.write("empty.pem", "");
  files_.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  files_.make_certificate("secret", "password");
  const auto messages_for = [&](const std::string& certificate, const std::string& key) {
    return messages(load("[tls]\ncertificate = \"" + certificate + "\"\nprivate_key = \"" + key +
                         "\"\n" + shards_lines));
  };
  EXPECT_THAT(messages_for("empty.pem", "tls.pem"),
              ElementsAre("presenter.toml:2: tls.certificate: 'empty.pem' holds no PEM certificate",
                          HasSubstr("3: tls.private_key: 'tls.pem' holds no PEM private key")));
  EXPECT_THAT(
      messages_for("broken.pem", "secret.key"),
      ElementsAre(
          HasSubstr("'broken.pem': certificate 1 cannot be parsed: "),
          HasSubstr("'secret.key' holds no PEM private key that can be read without a password")));
}

TEST_F(FileChecks, TakesAChainButChecksAllOfIt) {
  const auto leaf = files_.folder() / "tls.pem";
  std::string pem(std::filesystem::file_size(leaf), '\0');
  FILE* file = std::fopen(leaf.c_str(), "re");
  ASSERT_EQ(std::fread(pem.data(), 1, pem.size(), file), pem.size());
  std::fclose(file);

  files_.write("tls.pem", pem + pem);
  EXPECT_THAT(messages(load(std::string{tls_lines} + shards_lines)), IsEmpty());
  files_.write("tls.pem", pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(messages(load(std::string{tls_lines} + shards_lines)),
              ElementsAre(HasSubstr("'tls.pem': certificate 2 cannot be parsed: ")));
}

TEST_F(FileChecks, MistakesOfBothAreInTheFilesOrder) {
  EXPECT_THAT(messages(load("[tls]\nprivate_key = \"tls.key\"\ncertificate = \"x.pem\"\n"
                            "watch_interval = 1.5\n" +
                            std::string{shards_lines})),
              ElementsAre(HasSubstr("presenter.toml:3: tls.certificate: cannot read 'x.pem'"),
                          HasSubstr("presenter.toml:4: tls.watch_interval")));
}

TEST_F(FileChecks, MistakesInAShardMapAreTold) {
  files_.write("shards.toml", "[chat-a]\n");
  auto loaded = config_fixture::load(std::string{tls_lines} + shards_lines);
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_THAT(check_files(loaded).in_map, Contains(HasSubstr("shards.toml")));
}

}  // namespace
}  // namespace presenter::gateway
