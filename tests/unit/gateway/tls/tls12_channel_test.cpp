// What only TLS 1.2 has: suites that share an AEAD, nonces in the records, other handshakes.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string>

#include "gateway/tls/tls_channel.hpp"
#include "tests/unit/gateway/tls/tls_channel_kinds.hpp"

namespace presenter::gateway {
namespace {

class Tls12Channel : public TlsChannel {
 protected:
  void expect_to_talk(connected_channel& one) {
    one.peer->write("ping");
    one.peer->push();
    one.edges();
    EXPECT_EQ(one.read(), "ping");
    ASSERT_EQ(one.channel->write(as_bytes("pong")).status, tls_status::ok);
    one.peer->pull();
    EXPECT_EQ(one.peer->read(), "pong");
  }

  // The channel reads it, and goes on to wait for data.
  void ask_for_another_handshake(connected_channel& one) {
    SSL_renegotiate(one.peer->ssl());
    one.peer->step_handshake();
    one.peer->push();
    one.edges();
    EXPECT_EQ(one.read(), "");
    EXPECT_EQ(one.status, tls_status::want_read);
  }

  std::unique_ptr<connected_channel> ready_with(const char* suite, SSL_SESSION* resume = nullptr,
                                                std::uint64_t options = 0) {
    auto made = connect(0, resume);
    EXPECT_EQ(SSL_set_cipher_list(made->peer->ssl(), suite), 1);
    SSL_set_options(made->peer->ssl(), options);
    made->handshake();
    return made;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, Tls12Channel, ::testing::Values(tls12, tls12_detached, tls12_moved),
                         name_of_kind);

constexpr const char* suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                  "ECDHE-ECDSA-CHACHA20-POLY1305"};

TEST_P(Tls12Channel, TalksBySuiteResumedOrNotAndWhateverTheMasterSecretCameFrom) {
  for (const char* const suite : suites) {
    for (const std::uint64_t options : {std::uint64_t{0}, SSL_OP_NO_EXTENDED_MASTER_SECRET}) {
      SCOPED_TRACE(std::string(suite) + (options == 0 ? "" : ", no extended master secret"));
      const auto first = ready_with(suite, nullptr, options);
      EXPECT_EQ(SSL_get_extms_support(first->peer->ssl()), options == 0 ? 1 : 0);
      expect_to_talk(*first);
      SSL_SESSION* const session = SSL_get1_session(first->peer->ssl());
      const auto again = ready_with(suite, session, options);
      EXPECT_TRUE(again->facts.resumed);
      expect_to_talk(*again);
      SSL_SESSION_free(session);
    }
  }
}

TEST_P(Tls12Channel, RefusesAnotherHandshakeAndGoesOn) {
  auto one = ready();
  ask_for_another_handshake(*one);
  one->peer->pull();
  ERR_clear_error();
  EXPECT_FALSE(one->peer->step_handshake());
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
  EXPECT_EQ(one->alert, SSL_AD_NO_RENEGOTIATION);
  ASSERT_EQ(one->channel->write(as_bytes("still here")).status, tls_status::ok);
  EXPECT_FALSE(one->peer->lengths_of_records().empty());
}

class Tls12Detached : public Tls12Channel {};
INSTANTIATE_TEST_SUITE_P(Kinds, Tls12Detached, ::testing::Values(tls12_detached, tls12_moved),
                         name_of_kind);

// RFC 5288 §3: with one key no nonce twice. OpenSSL has used one already.
TEST_P(Tls12Detached, CountsNoncesOnFromThatOfItsFinished) {
  auto one = connect();
  ASSERT_NO_FATAL_FAILURE(one->handshake_to_the_peers_last_flight_of_12());
  one->peer->push();
  one->edges();
  ASSERT_EQ(one->channel->handshake(), tls_status::ok);
  const std::uint64_t finished = one->peer->nonces_of_records().back();
  ASSERT_TRUE(one->channel->detach());
  one->peer->pull();
  ASSERT_TRUE(one->peer->step_handshake());
  for (std::uint64_t i = 1; i != 4; ++i) {
    ASSERT_EQ(one->channel->write(as_bytes("pong")).status, tls_status::ok);
    EXPECT_EQ(one->peer->nonces_of_records(), std::vector{finished + i});
    one->peer->pull();
    EXPECT_EQ(one->peer->read(), "pong");
  }
}

// A hello that is longer than a record is one hello, and gets one answer.
TEST_P(Tls12Detached, AnswersAHelloOfSeveralRecordsOnce) {
  auto one = connect();
  one->peer->ask_for_fragments(1);
  one->handshake();
  one->peer->offer_protocols(2);
  ask_for_another_handshake(*one);
  EXPECT_EQ(one->peer->lengths_of_records().size(), 1U);
}

// Who does not read gets no answer, and none waits for it.
TEST_P(Tls12Detached, KeepsNoAnswersForAClientThatDoesNotRead) {
  auto one = ready(4'096);
  fill(*one, filler(1'000));
  ask_for_another_handshake(*one);
}

// Early bytes of a client that does not wait for our Finished lie behind its own.
TEST_P(Tls12Detached, TakesWhatCameWithTheFinished) {
  auto one = connect();
  one->handshake(1);
  expect_to_talk(*one);
}

}  // namespace
}  // namespace presenter::gateway
