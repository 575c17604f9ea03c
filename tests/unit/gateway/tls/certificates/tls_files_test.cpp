// What the files of [tls] may hold, and which certificates stand for which name.
#include "gateway/tls/certificates/tls_files.hpp"

#include <gmock/gmock.h>
#include <openssl/ocsp.h>

#include <string>
#include <vector>

#include "gateway/tls/certificates/client_subject.hpp"
#include "tests/unit/gateway/config/config_files.hpp"

namespace presenter::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TlsFiles : public ::testing::Test {
 protected:
  TlsFiles() { static_cast<certificate_config&>(settings) = pair("tls"); }

  certificate_config pair(const std::string& stem, std::vector<std::string> names = {}) const {
    return {
        files.folder() / (stem + ".pem"), files.folder() / (stem + ".key"), {}, std::move(names)};
  }
  void add(const std::string& stem, const certificate_recipe& recipe,
           std::vector<std::string> names = {}) {
    files.make_certificate(stem, recipe);
    settings.certificates.push_back(pair(stem, std::move(names)));
  }
  tls_load load() const { return load_tls_files(settings, std::time(nullptr)); }
  std::string mistake() const {
    const tls_load loaded = load();
    EXPECT_EQ(loaded.files, nullptr);
    EXPECT_EQ(loaded.mistakes.size(), 1U);
    if (loaded.mistakes.empty()) return {};
    const tls_mistake& one = loaded.mistakes.front();
    return std::to_string(one.pair) + " " + one.key + ": " + one.text;
  }
  // The stems of the pairs for this name.
  std::vector<std::string> stems_of(const tls_load& loaded, const std::string& name) const {
    std::vector<std::string> stems;
    const auto set = loaded.files->names.find(name);
    if (!set) return stems;
    for (const std::size_t number : loaded.files->sets[*set])
      stems.push_back(std::filesystem::path(loaded.files->pairs[number].file).stem());
    return stems;
  }

  config_files files;
  tls_config settings;
};

TEST_F(TlsFiles, TheDefaultCertificateNeedsNoName) {
  EXPECT_THAT(load().warnings, IsEmpty());
  files.make_certificate("tls");
  const tls_load loaded = load();
  ASSERT_NE(loaded.files, nullptr);
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_THAT(loaded.warnings[0].text, HasSubstr("no name and no address in its subjectAltName"));
  EXPECT_THAT(loaded.files->sets, ElementsAre(ElementsAre(0U)));
  EXPECT_EQ(loaded.files->names.size(), 0U);
}

TEST_F(TlsFiles, NamesComeFromTheCertificateOrTheConfiguration) {
  add("a", {.names = {"A.example", "*.a.example"}});
  add("b", {.names = {"b.example", "c.example"}}, {"B.example"});
  const tls_load loaded = load();
  ASSERT_NE(loaded.files, nullptr);
  EXPECT_THAT(stems_of(loaded, "a.example"), ElementsAre("a"));
  EXPECT_THAT(stems_of(loaded, "x.a.example"), ElementsAre("a"));
  EXPECT_THAT(stems_of(loaded, "b.example"), ElementsAre("b"));
  EXPECT_THAT(stems_of(loaded, "c.example"), IsEmpty());
}

TEST_F(TlsFiles, EcdsaAndRsaStandSideBySide) {
  files.make_certificate("tls", certificate_recipe{.names = {"a.example"}});
  add("rsa", {.names = {"a.example", "b.example"}, .is_rsa = true});
  const tls_load loaded = load();
  ASSERT_NE(loaded.files, nullptr);
  EXPECT_THAT(stems_of(loaded, "a.example"), ElementsAre("rsa", "tls"));
  EXPECT_THAT(stems_of(loaded, "b.example"), ElementsAre("rsa"));
  // Whoever names nobody may need RSA as well.
  EXPECT_THAT(loaded.files->sets.front(), ElementsAre(1U, 0U));
}

TEST_F(TlsFiles, OthersTakeTheirNamesFromTheDefaultButNotFromEachOther) {
  files.make_certificate("tls", certificate_recipe{.names = {"a.example", "b.example"}});
  add("b", {.names = {"b.example"}});
  const tls_load loaded = load();
  ASSERT_NE(loaded.files, nullptr);
  EXPECT_THAT(stems_of(loaded, "a.example"), ElementsAre("tls"));
  EXPECT_THAT(stems_of(loaded, "b.example"), ElementsAre("b"));

  add("c", {.names = {"B.example"}});
  EXPECT_THAT(mistake(), HasSubstr("2 certificate: 'b.example' is taken by"));
  settings.certificates.back().names = {"c.example"};
  const tls_load told = load();
  ASSERT_NE(told.files, nullptr);
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_THAT(told.warnings[0].text, HasSubstr("is not made out for 'c.example'"));
}

TEST_F(TlsFiles, NamesMustBeNames) {
  add("nameless", {});
  EXPECT_THAT(mistake(), HasSubstr("1 names: "));
  settings.certificates.back().names = {"ch*.example"};
  EXPECT_THAT(mistake(), HasSubstr("1 names: 'ch*.example' is no name like"));
}

TEST_F(TlsFiles, WhatCannotBeReadIsNamed) {
  settings.certificates.push_back(pair("absent"));
  const tls_load absent = load();
  ASSERT_EQ(absent.mistakes.size(), 2U);
  EXPECT_EQ(absent.mistakes[0].key, "certificate");
  EXPECT_THAT(absent.mistakes[0].text, HasSubstr("No such file"));
  EXPECT_EQ(absent.mistakes[1].key, "private_key");
  settings.certificates.clear();
  files.make_certificate("other");
  settings.private_key = files.folder() / "other.key";
  EXPECT_THAT(mistake(), HasSubstr("0 private_key: "));
  settings.private_key = files.folder();
  EXPECT_THAT(mistake(), HasSubstr("Is a directory"));
}

TEST_F(TlsFiles, WhatOpensslWillNotServeIsAMistake) {
  settings.suites_12 = {"NO-SUCH-SUITE"};
  EXPECT_THAT(mistake(), HasSubstr("suites_12: 'NO-SUCH-SUITE' is no suite of TLS 1.2"));
}

TEST_F(TlsFiles, AnOcspResponseIsOfItsCertificate) {
  files.make_certificate("authority");
  for (const std::string stem : {"a", "b"}) {
    add(stem, {.names = {stem + ".example"}, .common_name = stem, .issuer = "authority"});
    files.append(stem, "authority");
  }
  const auto stapled = files.folder() / "a.ocsp";
  settings.certificates[0].ocsp_response = stapled;

  files.make_ocsp_response("a", "authority", V_OCSP_CERTSTATUS_GOOD);
  const tls_load good = load();
  ASSERT_NE(good.files, nullptr);
  ASSERT_TRUE(good.files->pairs[1].ocsp);
  EXPECT_FALSE(good.files->pairs[1].ocsp->is_aged(std::time(nullptr)));
  EXPECT_TRUE(good.files->pairs[1].ocsp->is_aged(std::time(nullptr) + 7'200));

  files.make_ocsp_response("a", "authority", V_OCSP_CERTSTATUS_GOOD, -60);
  const tls_load aged = load();
  ASSERT_NE(aged.files, nullptr);
  ASSERT_EQ(aged.warnings.size(), 1U);
  EXPECT_THAT(aged.warnings[0].text, HasSubstr("has aged out"));

  files.make_ocsp_response("a", "authority", V_OCSP_CERTSTATUS_GOOD, 3'600, -60);
  const tls_load early = load();
  ASSERT_NE(early.files, nullptr);
  ASSERT_EQ(early.warnings.size(), 1U);
  EXPECT_THAT(early.warnings[0].text, HasSubstr("is not stapled before"));
  EXPECT_FALSE(early.files->pairs[1].ocsp->is_current(std::time(nullptr)));

  files.make_ocsp_response("a", "authority", V_OCSP_CERTSTATUS_REVOKED);
  EXPECT_THAT(mistake(), HasSubstr("says that the certificate is revoked"));
  files.make_ocsp_response("b", "authority", V_OCSP_CERTSTATUS_GOOD);
  std::filesystem::rename(files.folder() / "b.ocsp", stapled);
  EXPECT_THAT(mistake(), HasSubstr("is not about this certificate"));
  files.write("a.ocsp", "-----BEGIN");
  EXPECT_THAT(mistake(), HasSubstr("1 ocsp_response: "));
  files.write("a.ocsp", "");
  EXPECT_THAT(mistake(), HasSubstr("is no OCSP response in DER"));
}

TEST_F(TlsFiles, ClientAuthoritiesAreOnlyReadIfClientsAreAsked) {
  settings.client_ca = files.folder() / "absent.pem";
  EXPECT_NE(load().files, nullptr);
  settings.client_certificate = client_certificates::optional;
  EXPECT_THAT(mistake(), HasSubstr("0 client_ca: cannot read"));
}

class ClientSubject : public TlsFiles {
 protected:
  std::optional<std::string> subject_of(const std::string& common_name) {
    files.make_certificate("client", certificate_recipe{.common_name = common_name});
    static_cast<certificate_config&>(settings) = pair("client");
    return client_subject(load().files->pairs[0].leaf.get());
  }
};

TEST_F(ClientSubject, IsPrintableAsciiWhateverTheNameIs) {
  EXPECT_EQ(subject_of("Some One"), "CN=Some One");
  EXPECT_EQ(subject_of("a,O=admin+CN=b"), "CN=a\\,O=admin\\+CN=b");
  EXPECT_EQ(subject_of("Zo\xc3\xab"), "CN=Zo\\C3\\AB");
  EXPECT_EQ(subject_of(std::string("a\0b\n\x7f", 5)), "CN=a\\00b\\0A\\7F");
}

TEST_F(ClientSubject, IsNothingIfItIsEmptyOrTooLong) {
  EXPECT_EQ(subject_of(""), std::nullopt);
  EXPECT_TRUE(subject_of(std::string(64 * 15, 'a')));
  EXPECT_EQ(subject_of(std::string(64 * 16, 'a')), std::nullopt);
}

}  // namespace
}  // namespace presenter::gateway
