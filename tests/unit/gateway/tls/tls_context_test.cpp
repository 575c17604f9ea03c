// What real clients get, by what they ask for: certificate, OCSP response, protocol, version.
#include "gateway/tls/tls_context.hpp"

#include <gmock/gmock.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/connected_channel.hpp"

namespace presenter::gateway {
namespace {

using presenter::testing::session_ptr;

constexpr const char* only_rsa_13 = "rsa_pss_rsae_sha256";
constexpr const char* only_ecdsa_13 = "ECDSA+SHA256";

struct kind {
  const char* name;
  int version;
  bool detaches;
};

class TlsContexts : public ::testing::TestWithParam<kind> {
 protected:
  TlsContexts() {
    static_cast<certificate_config&>(settings) = pair("tls");
    settings.detach_records = GetParam().detaches;
  }

  certificate_config pair(const std::string& stem) const {
    return {files.folder() / (stem + ".pem"), files.folder() / (stem + ".key"), {}, {}};
  }
  void add(const std::string& stem, const certificate_recipe& recipe) {
    files.make_certificate(stem, recipe);
    settings.certificates.push_back(pair(stem));
  }
  void make() { contexts = make_tls_contexts(settings, tickets); }

  // `server_name` may be empty.
  std::unique_ptr<connected_channel> client(const std::string& server_name,
                                            SSL_SESSION* resume = nullptr) {
    if (!contexts) make();
    auto made = std::make_unique<connected_channel>(contexts, io, GetParam().version, 0, resume);
    made->detaches = GetParam().detaches;
    if (!server_name.empty()) SSL_set_tlsext_host_name(made->peer->ssl(), server_name.c_str());
    return made;
  }
  bool is_tls13() const { return GetParam().version == TLS1_3_VERSION; }

  // Which of these certificates the client was shown: its file's stem.
  std::string shown_to(connected_channel& one) const {
    X509* const shown = SSL_get0_peer_certificate(one.peer->ssl());
    if (shown == nullptr) return "none";
    for (const auto& entry : std::filesystem::directory_iterator(files.folder())) {
      if (entry.path().extension() != ".pem") continue;
      std::FILE* const file = std::fopen(entry.path().c_str(), "re");
      X509* const other = PEM_read_X509(file, nullptr, nullptr, nullptr);
      std::fclose(file);
      const bool is_it = X509_cmp(shown, other) == 0;
      X509_free(other);
      if (is_it) return entry.path().stem();
    }
    return "unknown";
  }
  std::string shown_for(const std::string& server_name) {
    const auto one = client(server_name);
    one->handshake();
    return shown_to(*one);
  }

  void show_certificate(connected_channel& one, const std::string& stem) const {
    SSL* const ssl = one.peer->ssl();
    const std::string path = files.folder() / stem;
    ASSERT_EQ(SSL_use_certificate_file(ssl, (path + ".pem").c_str(), SSL_FILETYPE_PEM), 1);
    ASSERT_EQ(SSL_use_PrivateKey_file(ssl, (path + ".key").c_str(), SSL_FILETYPE_PEM), 1);
  }
  void ask_clients(client_certificates mode) {
    files.make_certificate("authority", certificate_recipe{.common_name = "authority"});
    settings.client_ca = files.folder() / "authority.pem";
    settings.client_certificate = mode;
  }
  // A session that can be resumed once.
  session_ptr session_of(connected_channel& one) {
    EXPECT_EQ(one.channel->write(std::as_bytes(std::span("x", 1))).status, tls_status::ok);
    one.peer->pull();
    EXPECT_EQ(one.peer->read(), "x");
    return session_ptr(SSL_get1_session(one.peer->ssl()));
  }
  std::string alpn_of(const std::vector<std::string>& offered) {
    std::string wire;
    for (const auto& name : offered)
      wire += static_cast<char>(name.size()) + name;
    const auto one = client("");
    if (!wire.empty())
      SSL_set_alpn_protos(one->peer->ssl(), reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned int>(wire.size()));
    if (!one->shake()) return "alert " + std::to_string(one->alert);
    return one->channel->facts().alpn;
  }

  config_files files;
  tls_config settings;
  worker_metrics metrics;
  ticket_sealer tickets{make_random_ring(), "a:443", metrics};
  tls_contexts_ptr contexts;
  tls_io io;
};

TEST_P(TlsContexts, ShowTheCertificateOfTheNameExactBeforeWildcardElseTheDefault) {
  add("exact", {.names = {"chat.example"}});
  add("wildcard", {.names = {"*.example"}});
  EXPECT_EQ(shown_for("chat.example"), "exact");
  EXPECT_EQ(shown_for("CHAT.example"), "exact");
  EXPECT_EQ(shown_for("other.example"), "wildcard");
  EXPECT_EQ(shown_for("a.other.example"), "tls");
  EXPECT_EQ(shown_for("unknown.test"), "tls");
  EXPECT_EQ(shown_for(""), "tls");
}

TEST_P(TlsContexts, StrictOnesRefuseWhoNamesNobodyTheyKnow) {
  settings.strict_sni = true;
  add("exact", {.names = {"chat.example"}});
  EXPECT_EQ(shown_for("chat.example"), "exact");
  for (const char* name : {"unknown.test", ""}) {
    const auto one = client(name);
    EXPECT_FALSE(one->shake());
    EXPECT_EQ(one->alert, SSL_AD_UNRECOGNIZED_NAME);
  }
}

TEST_P(TlsContexts, ShowEcdsaOrRsaByWhatTheClientCanVerify) {
  add("ecdsa", {.names = {"both.example"}});
  add("rsa", {.names = {"both.example"}, .is_rsa = true});
  for (const bool wants_rsa : {true, false}) {
    const auto one = client("both.example");
    SSL* const ssl = one->peer->ssl();
    if (is_tls13())
      ASSERT_EQ(SSL_set1_sigalgs_list(ssl, wants_rsa ? only_rsa_13 : only_ecdsa_13), 1);
    else
      ASSERT_EQ(SSL_set_cipher_list(ssl, wants_rsa ? "ECDHE-RSA-AES128-GCM-SHA256"
                                                   : "ECDHE-ECDSA-AES128-GCM-SHA256"),
                1);
    one->handshake();
    EXPECT_EQ(shown_to(*one), wants_rsa ? "rsa" : "ecdsa");
  }
  // Who can verify both gets the one that costs us less.
  EXPECT_EQ(shown_for("both.example"), "ecdsa");
}

TEST_P(TlsContexts, StapleTheResponseOfTheCertificateToWhoAsks) {
  files.make_certificate("authority");
  add("ecdsa", {.names = {"both.example"}, .issuer = "authority"});
  add("rsa", {.names = {"both.example"}, .is_rsa = true, .issuer = "authority"});
  files.make_ocsp_response("ecdsa", "authority", V_OCSP_CERTSTATUS_GOOD);
  settings.certificates[0].ocsp_response = files.folder() / "ecdsa.ocsp";
  const tls_load loaded = load_tls_files(settings, std::time(nullptr));
  ASSERT_NE(loaded.files, nullptr);

  for (const bool asks : {true, false}) {
    for (const bool is_ecdsa : {true, false}) {
      const auto one = client(is_ecdsa ? "both.example" : "");
      if (asks) SSL_set_tlsext_status_type(one->peer->ssl(), TLSEXT_STATUSTYPE_ocsp);
      one->handshake();
      const unsigned char* got = nullptr;
      const long size = SSL_get_tlsext_status_ocsp_resp(one->peer->ssl(), &got);
      if (asks && is_ecdsa) {
        ASSERT_GT(size, 0);
        const std::string der(reinterpret_cast<const char*>(got), static_cast<std::size_t>(size));
        EXPECT_EQ(der, loaded.files->pairs[1].ocsp->der);
      } else {
        EXPECT_LE(size, 0);
      }
      one->peer->write("after it");
      one->peer->push();
      one->edges();
      EXPECT_EQ(one->read(), "after it");
    }
  }
}

TEST_P(TlsContexts, StapleNoResponseThatHasAgedOut) {
  files.make_certificate("authority");
  add("a", {.names = {"a.example"}, .issuer = "authority"});
  files.make_ocsp_response("a", "authority", V_OCSP_CERTSTATUS_GOOD, -60);
  settings.certificates[0].ocsp_response = files.folder() / "a.ocsp";
  const auto one = client("a.example");
  SSL_set_tlsext_status_type(one->peer->ssl(), TLSEXT_STATUSTYPE_ocsp);
  one->handshake();
  const unsigned char* got = nullptr;
  EXPECT_LE(SSL_get_tlsext_status_ocsp_resp(one->peer->ssl(), &got), 0);
}

TEST_P(TlsContexts, AgreeOnTheProtocolTheyWantMost) {
  settings.alpn = {"chat/2", "chat/1"};
  EXPECT_EQ(alpn_of({"chat/1", "h2", "chat/2"}), "chat/2");
  EXPECT_EQ(alpn_of({"chat/1"}), "chat/1");
  EXPECT_EQ(alpn_of({}), "");
  EXPECT_EQ(alpn_of({"h2"}), "alert " + std::to_string(SSL_AD_NO_APPLICATION_PROTOCOL));
}

TEST_P(TlsContexts, WithoutAListAgreeOnNoProtocol) {
  EXPECT_EQ(alpn_of({"h2"}), "");
}

TEST_P(TlsContexts, KeepToTheVersionsAndSuitesAndCurvesTheyAreGiven) {
  settings.requires_tls13 = true;
  settings.suites_13 = {"TLS_AES_256_GCM_SHA384"};
  settings.curves = {"P-384"};
  const auto one = client("");
  EXPECT_EQ(one->shake(), is_tls13());
  if (is_tls13()) {
    EXPECT_EQ(one->channel->facts().suite, "TLS_AES_256_GCM_SHA384");
    EXPECT_EQ(SSL_get_negotiated_group(one->peer->ssl()), NID_secp384r1);
  } else {
    EXPECT_EQ(one->alert, SSL_AD_PROTOCOL_VERSION);
  }
}

TEST_P(TlsContexts, ResumeAcrossNamesAndNewFiles) {
  add("exact", {.names = {"chat.example"}});
  const auto first = client("chat.example");
  first->handshake();
  const session_ptr session = session_of(*first);
  files.make_certificate("exact", certificate_recipe{.names = {"chat.example"}});
  make();
  const auto again = client("chat.example", session.get());
  again->handshake();
  EXPECT_TRUE(again->facts.resumed);
  EXPECT_EQ(again->facts.server_name, "chat.example");
  EXPECT_EQ(shown_for("chat.example"), "exact");
}

TEST_P(TlsContexts, OldOnesLiveAsLongAsTheirClients) {
  const auto talking = client("");
  talking->handshake();
  const auto shaking = client("");
  shaking->peer->step_handshake();
  shaking->peer->push(100);
  shaking->edges();
  ASSERT_EQ(shaking->channel->handshake(), tls_status::want_read);
  const auto waiting = client("");
  const std::weak_ptr<const tls_contexts> old = contexts;
  files.make_certificate("tls", certificate_recipe{.names = {"new.example"}});
  make();
  EXPECT_FALSE(old.expired());
  shaking->handshake();
  EXPECT_EQ(shown_to(*shaking), "unknown");
  waiting->handshake();
  EXPECT_EQ(shown_to(*waiting), "tls");
  for (auto* one : {talking.get(), shaking.get(), waiting.get()}) {
    one->peer->write("ping");
    one->peer->push();
    one->edges();
    EXPECT_EQ(one->read(), "ping");
  }
  // Detached clients need nothing of OpenSSL's.
  EXPECT_EQ(old.expired(), GetParam().detaches);
}

// --- clients' certificates

TEST_P(TlsContexts, TellTheSubjectOfAClientsCertificate) {
  ask_clients(client_certificates::required);
  files.make_certificate(
      "client", certificate_recipe{.common_name = "Zo\xc3\xab, admin", .issuer = "authority"});
  const auto one = client("");
  show_certificate(*one, "client");
  one->handshake();
  EXPECT_EQ(one->facts.client_subject, "CN=Zo\\C3\\AB\\, admin");
  one->peer->write("and talks");
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), "and talks");

  const session_ptr session = session_of(*one);
  make();  // another worker's
  const auto again = client("", session.get());
  again->handshake();
  EXPECT_TRUE(again->facts.resumed);
  EXPECT_EQ(again->facts.client_subject, "CN=Zo\\C3\\AB\\, admin");
}

TEST_P(TlsContexts, AreAskedForAsTheModeSays) {
  for (const auto mode :
       {client_certificates::none, client_certificates::optional, client_certificates::required}) {
    ask_clients(mode);
    make();
    const auto one = client("");
    const bool is_required = mode == client_certificates::required;
    EXPECT_EQ(one->shake(), !is_required);
    if (is_required)
      EXPECT_EQ(one->alert, is_tls13() ? SSL_AD_CERTIFICATE_REQUIRED : SSL_AD_HANDSHAKE_FAILURE);
    else
      EXPECT_EQ(one->channel->facts().client_subject, "");
  }
}

TEST_P(TlsContexts, RefuseClientsOfOtherAuthoritiesAndExpiredOnes) {
  ask_clients(client_certificates::optional);
  files.make_certificate("other", certificate_recipe{.common_name = "other"});
  files.make_certificate("foreign", certificate_recipe{.issuer = "other"});
  files.make_certificate("old", certificate_recipe{.seconds_left = -60, .issuer = "authority"});
  const auto foreign = client("");
  show_certificate(*foreign, "foreign");
  EXPECT_FALSE(foreign->shake());
  EXPECT_EQ(foreign->alert, SSL_AD_UNKNOWN_CA);
  const auto old = client("");
  show_certificate(*old, "old");
  EXPECT_FALSE(old->shake());
  EXPECT_EQ(old->alert, SSL_AD_CERTIFICATE_EXPIRED);
}

TEST_P(TlsContexts, RefuseASubjectThatOpenCannotCarry) {
  ask_clients(client_certificates::optional);
  for (const std::string& subject : {std::string(), std::string(64 * 40, 'a')}) {
    files.make_certificate("client",
                           certificate_recipe{.common_name = subject, .issuer = "authority"});
    const auto one = client("");
    show_certificate(*one, "client");
    EXPECT_FALSE(one->shake());
    EXPECT_EQ(one->alert, SSL_AD_BAD_CERTIFICATE);
  }
}

// Resuming with it would take a ClientHello above openssl_session::hello_bytes_max.
TEST_P(TlsContexts, GiveNoTicketForACertificateThatTheNextClientHelloCannotCarry) {
  ask_clients(client_certificates::required);
  for (const auto& [names, is_resumed] : {std::pair{40, true}, {400, false}}) {
    certificate_recipe recipe{.common_name = "client", .issuer = "authority"};
    for (int i = 0; i < names; ++i)
      recipe.names.push_back(std::to_string(i) + std::string(50, 'n') + ".example");
    files.make_certificate("client", recipe);
    make();
    const auto one = client("");
    show_certificate(*one, "client");
    one->handshake();
    const session_ptr session = session_of(*one);
    EXPECT_EQ(SSL_SESSION_has_ticket(session.get()) == 1, is_resumed);
    const auto again = client("", session.get());
    show_certificate(*again, "client");
    again->handshake();
    EXPECT_EQ(again->facts.resumed, is_resumed);
    EXPECT_EQ(again->facts.client_subject, "CN=client");
  }
}

// The groups of `curves` are those of the key exchange.
TEST_P(TlsContexts, TakeClientsCertificatesOfCurvesThatTheKeyExchangeDoesWithout) {
  ask_clients(client_certificates::required);
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    files.make_certificate(
        "client", certificate_recipe{.common_name = curve, .issuer = "authority", .curve = curve});
    const auto one = client("");
    show_certificate(*one, "client");
    one->handshake();
    EXPECT_EQ(one->facts.client_subject, std::string("CN=") + curve);
    EXPECT_NE(SSL_get_negotiated_group(one->peer->ssl()), NID_secp384r1);
  }
  const auto other = client("");
  SSL_set1_groups_list(other->peer->ssl(), "P-384");
  EXPECT_FALSE(other->shake());
}

TEST_P(TlsContexts, DoNotResumeAroundTheRulesForClients) {
  const auto before = client("");
  before->handshake();
  const session_ptr anonymous = session_of(*before);
  ask_clients(client_certificates::required);
  make();
  const auto without = client("", anonymous.get());
  EXPECT_FALSE(without->shake());

  files.make_certificate("client", certificate_recipe{.issuer = "authority"});
  const auto known = client("");
  show_certificate(*known, "client");
  known->handshake();
  const session_ptr session = session_of(*known);
  ask_clients(client_certificates::required);  // another authority
  make();
  const auto untrusted = client("", session.get());
  EXPECT_FALSE(untrusted->shake());
}

TEST_P(TlsContexts, DoNotResumeForACertificateThatHasExpired) {
  ask_clients(client_certificates::required);
  files.make_certificate("client", certificate_recipe{.seconds_left = 2, .issuer = "authority"});
  const auto one = client("");
  show_certificate(*one, "client");
  one->handshake();
  const session_ptr session = session_of(*one);
  const X509* const certificate = SSL_get_certificate(one->peer->ssl());
  while (X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0)
    std::this_thread::yield();
  EXPECT_FALSE(client("", session.get())->shake());
}

std::string name_of_kind(const ::testing::TestParamInfo<kind>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, TlsContexts,
                         ::testing::Values(kind{"Tls12", TLS1_2_VERSION, false},
                                           kind{"Tls13", TLS1_3_VERSION, false},
                                           kind{"Tls13Detached", TLS1_3_VERSION, true}),
                         name_of_kind);

}  // namespace
}  // namespace presenter::gateway
