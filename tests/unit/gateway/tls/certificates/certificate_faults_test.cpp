// What clients would have against certificates: told at a start, and at a reload no reason to give
// up those in force.
#include "gateway/tls/certificates/certificate_faults.hpp"

#include <gmock/gmock.h>
#include <openssl/ocsp.h>

#include <string>
#include <vector>

#include "tests/unit/gateway/config/config_files.hpp"

namespace presenter::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr long day = 86'400;

// A root, an intermediate authority, and tls.pem: a leaf with the intermediate behind it.
class CertificateFaults : public ::testing::Test {
 protected:
  CertificateFaults() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
    files.make_certificate("root",
                           certificate_recipe{.common_name = "root", .seconds_left = 300 * day});
    make_authority();
    make_leaf();
    good = load().files;
  }

  void make_authority(const certificate_recipe& recipe = {}) const {
    certificate_recipe made = recipe;
    made.common_name = "authority";
    made.issuer = "root";
    made.is_authority = true;
    files.make_certificate("authority", made);
  }
  void make_leaf(const certificate_recipe& recipe = {}) const {
    make_leaf_alone(recipe);
    files.append("tls", "authority");
  }
  void make_leaf_alone(const certificate_recipe& recipe = {}) const {
    certificate_recipe made = recipe;
    made.common_name = "leaf";
    if (made.names.empty()) made.names = {"chat.example"};
    if (made.issuer.empty()) made.issuer = "authority";
    files.make_certificate("tls", made);
  }

  tls_load load() const { return load_tls_files(settings, std::time(nullptr)); }
  std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    const tls_load loaded = load();
    EXPECT_NE(loaded.files, nullptr) << "a start serves it";
    for (const tls_mistake& one : loaded.warnings)
      texts.push_back(one.text);
    return texts;
  }
  // Why the files, as they are now, may not replace the good ones; empty: they may.
  std::string refusal() const {
    return why_worse(*good, *load().files, std::time(nullptr)).value_or("");
  }
  // Warned of at a start, refused at a reload, and taken if what is in force is no better.
  void expect_refused(const std::string& why) {
    EXPECT_THAT(warnings(), ElementsAre(HasSubstr(why)));
    EXPECT_THAT(refusal(), HasSubstr(why));
    good = load().files;
    EXPECT_EQ(refusal(), "");
  }
  void expect_warned_of(const std::string& why) {
    EXPECT_THAT(warnings(), ElementsAre(HasSubstr(why)));
    EXPECT_EQ(refusal(), "");
  }

  config_files files;
  tls_config settings;
  tls_files_ptr good;
};

TEST_F(CertificateFaults, NoneOfAGoodChainWithOrWithoutItsRoot) {
  EXPECT_THAT(warnings(), IsEmpty());
  files.append("tls", "root");
  EXPECT_THAT(warnings(), IsEmpty());
  EXPECT_EQ(refusal(), "");
}

TEST_F(CertificateFaults, AnExpiredLeaf) {
  make_leaf({.seconds_left = -60});
  expect_refused("tls.pem' has expired on 20");
}

TEST_F(CertificateFaults, ALeafThatIsNotValidYet) {
  make_leaf({.seconds_old = -60});
  expect_refused("tls.pem' is not valid before 20");
}

TEST_F(CertificateFaults, AnExpiredIssuer) {
  make_authority({.seconds_left = -60});
  make_leaf();
  expect_refused("tls.pem' needs 'CN=authority', which has expired on 20");
}

TEST_F(CertificateFaults, AnExpiredRootIsForClientsToJudge) {
  files.make_certificate("root", certificate_recipe{.common_name = "root", .seconds_left = -60});
  make_authority();
  make_leaf();
  files.append("tls", "root");
  expect_warned_of("needs 'CN=root', which has expired on 20");
}

TEST_F(CertificateFaults, AnIssuerOfTheSameNameWithAnotherKey) {
  make_leaf_alone();
  make_authority();
  files.append("tls", "authority");
  expect_refused("'CN=authority' has not signed 'CN=leaf'");
}

TEST_F(CertificateFaults, AnIssuerIsFoundBesideAnotherOfItsName) {
  make_leaf_alone();
  std::filesystem::rename(files.folder() / "authority.pem", files.folder() / "right.pem");
  make_authority();
  files.append("tls", "authority");
  files.append("tls", "right");
  expect_warned_of("is out of order");
}

TEST_F(CertificateFaults, AMissingIntermediateThatWasThere) {
  make_leaf_alone();
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("comes without 'CN=authority', which issued it")));
  EXPECT_THAT(refusal(), HasSubstr("comes without the intermediate certificate"));
}

TEST_F(CertificateFaults, ARootThatIsLeftOutIsNotMissed) {
  make_leaf_alone({.issuer = "root"});
  files.append("tls", "root");
  good = load().files;
  make_leaf_alone({.issuer = "root"});
  expect_warned_of("comes without 'CN=root', which issued it");
}

TEST_F(CertificateFaults, AnIssuerThatIsNone) {
  files.make_certificate("authority",
                         certificate_recipe{.common_name = "authority", .issuer = "root"});
  make_leaf();
  const auto told = warnings();
  ASSERT_FALSE(told.empty());
  EXPECT_THAT(told.front(), HasSubstr("needs 'CN=authority', which is refused: invalid CA"));
  EXPECT_NE(refusal(), "");
}

TEST_F(CertificateFaults, ALeafForClientsOnly) {
  make_leaf({.extended_key_usage = "clientAuth"});
  expect_refused("its extendedKeyUsage lacks serverAuth");
  make_leaf({.extended_key_usage = "clientAuth,serverAuth"});
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(CertificateFaults, ALeafForAnythingIsTakenBySome) {
  make_leaf({.extended_key_usage = "anyExtendedKeyUsage"});
  expect_warned_of("its extendedKeyUsage lacks serverAuth");
}

TEST_F(CertificateFaults, ALeafThatMayNotSign) {
  make_leaf({.is_rsa = true, .key_usage = "keyEncipherment"});
  expect_refused("has a keyUsage without digitalSignature");
  make_leaf({.is_rsa = true, .key_usage = "keyEncipherment,digitalSignature"});
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(CertificateFaults, ALeafThatMustBeStapledAndIsNot) {
  make_leaf({.must_be_stapled = true});
  expect_refused("must be shown with an OCSP response (RFC 7633)");
  settings.ocsp_response = files.folder() / "tls.ocsp";
  files.make_ocsp_response("tls", "authority", V_OCSP_CERTSTATUS_GOOD);
  EXPECT_THAT(warnings(), IsEmpty());
  good = load().files;
  files.make_ocsp_response("tls", "authority", V_OCSP_CERTSTATUS_GOOD, -60);
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("has aged out"), HasSubstr("that is in force")));
  EXPECT_THAT(refusal(), HasSubstr("that is in force"));
}

TEST_F(CertificateFaults, ALeafForOtherNames) {
  make_leaf({.names = {"other.example"}});
  EXPECT_THAT(warnings(), IsEmpty()) << "at a start nobody knows of others";
  EXPECT_THAT(refusal(), HasSubstr("no certificate is left for 'chat.example'"));

  make_leaf({.names = {"other.example", "chat.example"}});
  EXPECT_EQ(refusal(), "");
  good = load().files;
  make_leaf();
  EXPECT_EQ(refusal(), "");
  EXPECT_THAT(names_lost(*good, *load().files), ElementsAre("other.example"));
}

TEST_F(CertificateFaults, ALeafForOtherNamesThanTheConfigurationHas) {
  settings.names = {"chat.example", "*.chat.example"};
  make_leaf({.names = {"chat.example"}});
  expect_warned_of("is not made out for '*.chat.example'");
  good = load().files;
  make_leaf({.names = {"other.example"}});
  EXPECT_THAT(refusal(), HasSubstr("is not made out for 'chat.example'"));
}

TEST_F(CertificateFaults, NamesMayMoveFromOneFileToAnother) {
  const auto second = [&](const std::string& name) {
    files.make_certificate(
        "b", certificate_recipe{.names = {name}, .common_name = "b", .issuer = "authority"});
    files.append("b", "authority");
  };
  settings.certificates.push_back({files.folder() / "b.pem", files.folder() / "b.key", {}, {}});
  second("b.example");
  good = load().files;
  make_leaf({.names = {"b.example"}});
  second("chat.example");
  EXPECT_EQ(refusal(), "");
}

TEST_F(CertificateFaults, TheEarliestOfTheChainIsItsEnd) {
  make_authority({.seconds_left = day});
  make_leaf({.seconds_left = 90 * day});
  const std::time_t now = std::time(nullptr);
  EXPECT_NEAR(static_cast<double>(load().files->pairs[0].expires - now), day, 60);
  make_leaf({.seconds_left = 3'600});
  EXPECT_NEAR(static_cast<double>(load().files->pairs[0].expires - now), 3'600, 60);
}

}  // namespace
}  // namespace presenter::gateway
