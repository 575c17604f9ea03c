// Configurations that OpenSSL takes, and with which clients would not get through: the key to blame
// is named before anybody is served.
#include "gateway/tls/certificates/tls_trials.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "gateway/tls/certificates/tls_setup.hpp"
#include "gateway/tls/certificates/trial_handshake.hpp"
#include "tests/unit/gateway/config/config_files.hpp"

namespace presenter::gateway {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class TlsTrials : public ::testing::Test {
 protected:
  TlsTrials() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
  }

  static std::vector<std::string> texts_of(const std::vector<tls_mistake>& all) {
    std::vector<std::string> texts;
    texts.reserve(all.size());
    for (const tls_mistake& one : all)
      texts.push_back(std::to_string(one.pair) + " " + one.key + ": " + one.text);
    return texts;
  }
  tls_load load() const { return load_tls_files(settings, std::time(nullptr)); }
  std::vector<std::string> mistakes() const { return texts_of(load().mistakes); }
  std::vector<std::string> warnings() const {
    const tls_load loaded = load();
    EXPECT_THAT(loaded.mistakes, IsEmpty());
    return texts_of(loaded.warnings);
  }
  void make_tls(const certificate_recipe& recipe) const {
    certificate_recipe made = recipe;
    made.names = {"localhost"};
    files.make_certificate("tls", made);
  }
  void add(const std::string& stem, const certificate_recipe& recipe) {
    files.make_certificate(stem, recipe);
    settings.certificates.push_back(
        {files.folder() / (stem + ".pem"), files.folder() / (stem + ".key"), {}, {}});
  }
  // Of some 1,100 bytes of names each.
  void ask_clients(client_certificates mode, int authorities) {
    files.write("authorities.pem", "");
    for (int i = 0; i < authorities; ++i) {
      files.make_certificate(
          "one", certificate_recipe{.common_name = std::to_string(i) + std::string(1'000, 'a')});
      files.append("authorities", "one");
    }
    settings.client_ca = files.folder() / "authorities.pem";
    settings.client_certificate = mode;
  }

  config_files files;
  tls_config settings;
};

TEST_F(TlsTrials, FindNothingInGoodSettings) {
  EXPECT_THAT(warnings(), IsEmpty());
  for (const certificate_recipe& recipe :
       {certificate_recipe{.is_rsa = true}, certificate_recipe{.curve = "P-384"}}) {
    make_tls(recipe);
    EXPECT_THAT(warnings(), IsEmpty());
  }
  for (const auto mode : {client_certificates::optional, client_certificates::required}) {
    ask_clients(mode, 2);
    EXPECT_THAT(warnings(), IsEmpty());
  }
  settings.requires_tls13 = true;
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(TlsTrials, FindAuthoritiesThatNoMessageHolds) {
  for (const auto mode : {client_certificates::optional, client_certificates::required}) {
    ask_clients(mode, 70);
    EXPECT_THAT(mistakes(), ElementsAre(AllOf(StartsWith("0 client_ca: clients do not get through"),
                                              HasSubstr("bytes of names: "))));
  }
  ask_clients(client_certificates::required, 40);
  const auto told = warnings();
  ASSERT_FALSE(told.empty()) << "more than Java's clients take";
  EXPECT_THAT(told.front(), StartsWith("0 client_ca: clients of today"));
}

TEST_F(TlsTrials, FindThatStrictNamesLeaveNobody) {
  settings.strict_sni = true;
  EXPECT_THAT(warnings(), IsEmpty());
  files.make_certificate("tls");
  EXPECT_THAT(mistakes(), ElementsAre(StartsWith("0 strict_sni: refuses all clients")));
  add("a", {.names = {"a.example"}});
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("is shown to nobody"), HasSubstr("no name")));
}

TEST_F(TlsTrials, FindSuitesThatDoNotFitTheCertificate) {
  settings.suites_12 = {"ECDHE-RSA-AES128-GCM-SHA256"};
  EXPECT_THAT(warnings(),
              ElementsAre(AllOf(StartsWith("0 suites_12: clients do not get through in TLS 1.2"),
                                HasSubstr("no shared cipher"))));
  settings.suites_12 = {"DHE-RSA-AES128-GCM-SHA256"};
  make_tls({.is_rsa = true});
  EXPECT_THAT(warnings(), ElementsAre(StartsWith("0 suites_12: clients of today")));
}

TEST_F(TlsTrials, FindGroupsThatClientsLack) {
  settings.curves = {"P-521"};
  EXPECT_THAT(warnings(), ElementsAre(StartsWith("0 curves: clients of today (browsers, phones, "
                                                 "Java) do not get through in TLS 1.2"),
                                      HasSubstr("in TLS 1.3")));
  settings.curves = {"brainpoolP256r1"};
  settings.requires_tls13 = true;
  EXPECT_THAT(mistakes(), ElementsAre(StartsWith("0 curves: clients do not get through in TLS "
                                                 "1.3")));
}

TEST_F(TlsTrials, FindKeysThatClientsLackUnlessAnotherStandsBeside) {
  make_tls({.curve = "ED25519"});
  EXPECT_THAT(warnings(), ElementsAre(StartsWith("0 certificate: clients of today"),
                                      StartsWith("0 certificate: clients of today")));
  add("ecdsa", {.names = {"localhost"}});
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(TlsTrials, BlameTheRightPair) {
  add("a", {.names = {"a.example"}, .curve = "P-521"});
  EXPECT_THAT(warnings(), ElementsAre(AllOf(StartsWith("1 certificate: "), HasSubstr("a.pem")),
                                      StartsWith("1 certificate: ")));
}

// As openssl.cnf may set them.
TEST_F(TlsTrials, FindSignaturesThatAContextRefuses) {
  const tls_load loaded = load();
  const auto try_with = [&](const char* signatures, const trial_client& client) {
    const ssl_ctx_ptr context = make_tls_setup(settings, *loaded.files, {0});
    if (signatures != nullptr) {
      EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context.get(), signatures), 1);
    }
    return try_handshake(context.get(), client, "X25519");
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const trial_client client{.version = version, .key_type = EVP_PKEY_EC, .curve = {}};
    EXPECT_EQ(try_with(nullptr, client), "");
    EXPECT_NE(try_with("RSA+SHA512", client), "");
  }
  ask_clients(client_certificates::optional, 1);
  const trial_client with_certificate{
      .version = TLS1_2_VERSION, .key_type = EVP_PKEY_EC, .curve = "P-384"};
  const tls_load asking = load();
  const ssl_ctx_ptr context = make_tls_setup(settings, *asking.files, {0});
  EXPECT_EQ(try_handshake(context.get(), with_certificate, "X25519"), "");
  ASSERT_EQ(SSL_CTX_set1_client_sigalgs_list(context.get(), "RSA+SHA256"), 1);
  EXPECT_NE(try_handshake(context.get(), with_certificate, "X25519"), "");
}

TEST_F(TlsTrials, AGroupNamedTwiceIsSaidInWords) {
  settings.curves = {"X25519", "X25519"};
  EXPECT_THAT(mistakes(), ElementsAre("0 curves: 'X25519' is a group that is named before"));
}

}  // namespace
}  // namespace presenter::gateway
