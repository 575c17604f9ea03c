#include "gateway/tls/tls_channel.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/unit/gateway/tls/tls_channel_kinds.hpp"

namespace presenter::gateway {
namespace {

TEST_P(TlsChannel, TellsTheServerNameOnlyIfItIsPrintableAscii) {
  for (const char* name : {"chat.example", "\xff\xfe\xc3\x28", "a\nb", "caf\xc3\xa9.example"}) {
    const auto connected = connect();
    ASSERT_EQ(SSL_set_tlsext_host_name(connected->peer->ssl(), name), 1);
    connected->handshake();
    EXPECT_EQ(connected->facts.server_name, name[0] == 'c' && name[1] == 'h' ? name : "");
  }
}

TEST_P(TlsChannel, ShakesHandsByteByByteAndTellsTheFacts) {
  auto one = connect();
  one->handshake(1);
  const auto& facts = one->facts;
  EXPECT_EQ(facts.version, GetParam().version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
  EXPECT_EQ(facts.suite, GetParam().version == TLS1_3_VERSION
                             ? "TLS_AES_128_GCM_SHA256"
                             : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  EXPECT_FALSE(facts.resumed);
}

TEST_P(TlsChannel, ReadsARecordThatComesByteByByte) {
  auto one = ready();
  one->peer->write("hello");
  std::string got;
  while (one->peer->push(1) != 0) {
    one->edges();
    got += one->read();
    EXPECT_EQ(one->status, tls_status::want_read);
  }
  EXPECT_EQ(got, "hello");
  EXPECT_FALSE(one->channel->has_input());
}

// A record costs as much for one byte as for a thousand, and its padding is decrypted like data.
TEST_P(TlsChannel, StopsInTheMiddleOfTinyRecordsWhenItsShareIsUsedUp) {
  auto one = ready();
  const std::string text = filler(500);
  for (const char byte : text)
    one->peer->write({&byte, 1});
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), text);
  EXPECT_EQ(one->status, tls_status::want_read);
  EXPECT_GT(one->turns_more, 2);
}

TEST_P(TlsChannel, StopsInTheMiddleOfAShatteredClientHelloWhenItsShareIsUsedUp) {
  auto one = connect();
  one->peer->step_handshake();
  one->peer->fragment_output();
  one->handshake();
  EXPECT_GT(one->turns_more, 2);
}

TEST_P(TlsChannel, TakesAClientHelloOf15KibAndNoneOf17) {
  auto large = connect();
  // Without the key share of a post-quantum group, which newer versions of OpenSSL offer.
  large->peer->offer_groups("X25519:P-256");
  large->peer->offer_protocols(15);
  large->handshake();
  auto larger = connect();
  larger->peer->offer_groups("X25519:P-256");
  larger->peer->offer_protocols(17);
  EXPECT_FALSE(larger->shake());
  EXPECT_EQ(larger->status, tls_status::violation);
  EXPECT_EQ(larger->alert, SSL_AD_ILLEGAL_PARAMETER);
  EXPECT_EQ(larger->channel->finish(), tls_status::ok) << "nothing else is said";
  auto next = ready();
  next->peer->write("as ever");
  next->peer->push();
  next->edges();
  EXPECT_EQ(next->read(), "as ever");
}

// A record of six bytes for each of theirs: together they are above the limit, neither is alone.
TEST_P(TlsChannel, EachOfTwoClientHellosHasALimitOfItsOwn) {
  auto one = connect();
  one->peer->offer_groups("P-521:X25519:P-256");
  one->peer->offer_protocols(2);
  for (int hellos = 0; hellos != 2; ++hellos) {
    one->peer->step_handshake();
    one->peer->fragment_output();
    ASSERT_GT(one->peer->unsent(), openssl_session::hello_bytes_max / 2);
    do {
      one->peer->push();
      one->edges();
      one->status = one->channel->handshake();
    } while (one->status == tls_status::again);
    ASSERT_EQ(one->status, tls_status::want_read);
    one->peer->pull();
    if (GetParam().version == TLS1_2_VERSION) break;
  }
  one->handshake();
}

TEST_P(TlsChannel, HoldsTheFragmentLengthThatTheClientAskedFor) {
  const std::string text = filler(20'000);
  for (const int code : {1, 2, 3, 4}) {
    auto one = connect();
    one->peer->ask_for_fragments(code);
    one->handshake();
    expect_fragments(*one, std::size_t{1} << (8 + code));
    one->peer->write(text);
    one->peer->push();
    one->edges();
    EXPECT_TRUE(one->read() == text);
  }
}

// A client has to ask again: OpenSSL would answer all the same.
TEST_P(TlsChannel, HoldsTheFragmentLengthOfAResumedSession) {
  auto first = connect();
  first->peer->ask_for_fragments(1);
  first->handshake();
  expect_fragments(*first, 512);
  SSL_SESSION* const session = SSL_get1_session(first->peer->ssl());
  auto again = connect(0, session);
  again->peer->ask_for_fragments(1);
  again->handshake();
  EXPECT_TRUE(again->facts.resumed);
  expect_fragments(*again, 512);
  SSL_SESSION_free(session);
}

TEST_P(TlsChannel, MovesALotBothWaysThroughSmallSockets) {
  auto one = ready(4'096);
  const std::string text = filler(1'000'000);
  std::string to_channel;
  std::string to_peer;
  std::size_t written = 0;
  one->peer->write(text);
  for (int i = 0;
       i < 1'000'000 && (to_channel.size() < text.size() || to_peer.size() < text.size()); ++i) {
    one->peer->push();
    one->edges();
    to_channel += one->read(1'000);
    ASSERT_EQ(one->status, tls_status::want_read);
    while (written < text.size()) {
      // The bytes stay the same after want_write, their place and number need not.
      const std::string rest = text.substr(written, 40'000 + static_cast<std::size_t>(i));
      const tls_result put = one->channel->write(as_bytes(rest));
      if (put.status == tls_status::want_write) break;
      ASSERT_EQ(put.status, tls_status::ok);
      written += put.n;
    }
    one->peer->pull(3'000);
    to_peer += one->peer->read();
  }
  EXPECT_TRUE(to_channel == text);
  EXPECT_TRUE(to_peer == text);
}

TEST_P(TlsChannel, KeepsItsInputWhenAnotherChannelReceives) {
  auto one = ready();
  auto other = ready();
  const std::string text = filler(50'000);
  one->peer->write(text);
  one->peer->push();
  one->edges();
  std::string got(10, '\0');
  ASSERT_EQ(one->channel->read(std::as_writable_bytes(std::span(got))).n, 10U);
  ASSERT_TRUE(one->channel->has_input());

  for (int i = 0; i < 3; ++i) {
    other->peer->write(filler(30'000));
    other->peer->push();
    other->edges();
    EXPECT_EQ(other->read(), filler(30'000));
  }
  other.reset();
  EXPECT_EQ(got + one->read(), text);
  EXPECT_EQ(one->status, tls_status::want_read);
  EXPECT_FALSE(one->channel->has_input());
}

TEST_P(TlsChannel, CanBeDestroyedWithInputInTheSharedBuffer) {
  auto one = ready();
  auto other = ready();
  one->peer->write(filler(50'000));
  one->peer->push();
  one->edges();
  std::string got(10, '\0');
  one->channel->read(std::as_writable_bytes(std::span(got)));
  one.reset();
  other->peer->write("hello");
  other->peer->push();
  other->edges();
  EXPECT_EQ(other->read(), "hello");
}

TEST_P(TlsChannel, TellsACleanEndFromATruncatedOne) {
  auto clean = ready();
  clean->peer->write("last");
  clean->peer->finish();
  clean->peer->push();
  clean->peer->close_descriptor();
  clean->edges();
  EXPECT_EQ(clean->read(), "last");
  EXPECT_EQ(clean->status, tls_status::finished);

  auto cut = ready();
  cut->peer->write("last");
  cut->peer->push();
  cut->peer->close_descriptor();
  cut->edges();
  EXPECT_EQ(cut->read(), "last");
  EXPECT_EQ(cut->status, tls_status::truncated);

  auto within = ready();
  within->peer->write("never whole");
  within->peer->push(20);
  within->peer->close_descriptor();
  within->edges();
  EXPECT_EQ(within->read(), "");
  EXPECT_EQ(within->status, tls_status::truncated);
}

TEST_P(TlsChannel, FindsTheEndThatCameWithMoreThanOneReceiveHolds) {
  auto one = ready();
  const std::string text = filler(150'000);
  one->peer->write(text);
  one->peer->finish();
  ASSERT_GT(one->peer->push(), 2 * receive_buffer::bytes_max);
  ::shutdown(one->peer->descriptor(), SHUT_WR);
  one->edges();  // the only one there will be
  EXPECT_TRUE(one->read() == text);
  EXPECT_EQ(one->status, tls_status::finished);
}

TEST_P(TlsChannel, TellsAReset) {
  auto one = ready();
  ASSERT_EQ(one->channel->write(as_bytes("unread")).status, tls_status::ok);
  one->peer->close_descriptor();  // with unread input: a reset
  one->edges();
  one->read();
  EXPECT_EQ(one->status, tls_status::reset);
  EXPECT_EQ(one->channel->write(as_bytes("x")).status, tls_status::reset);
}

TEST_P(TlsChannel, AnswersGarbageWithAnAlert) {
  auto shaking = connect();
  shaking->peer->put_raw("GET / HTTP/1.1\r\n\r\n");
  shaking->peer->push();
  shaking->edges();
  EXPECT_EQ(shaking->channel->handshake(), tls_status::violation);

  auto talking = ready();
  talking->peer->put_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  talking->peer->push();
  talking->edges();
  EXPECT_EQ(talking->read(), "");
  EXPECT_EQ(talking->status, tls_status::violation);
  EXPECT_GT(talking->peer->pull(), 0U);
  ERR_clear_error();
  char byte = 0;
  EXPECT_LE(SSL_read(talking->peer->ssl(), &byte, 1), 0);
  EXPECT_EQ(SSL_get_error(talking->peer->ssl(), -1), SSL_ERROR_SSL);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
}

TEST_P(TlsChannel, DoesNotLetOneChannelsErrorIntoAnother) {
  auto bad = connect();
  auto good = ready();
  bad->peer->put_raw("GET / HTTP/1.1\r\n\r\n");
  bad->peer->push();
  bad->edges();
  ASSERT_EQ(bad->channel->handshake(), tls_status::violation);
  good->read();
  EXPECT_EQ(good->status, tls_status::want_read);
}

TEST_P(TlsChannel, TellsTheClientThatItsEndIsMissing) {
  auto one = ready();
  one->peer->write("last");
  one->peer->push();
  ::shutdown(one->peer->descriptor(), SHUT_WR);
  one->edges();
  EXPECT_EQ(one->read(), "last");
  EXPECT_EQ(one->status, tls_status::truncated);
  one->channel->abort();
  EXPECT_EQ(one->channel->finish(), tls_status::ok);
  one->peer->pull();
  one->peer->read();
  EXPECT_EQ(one->alert, SSL_AD_DECODE_ERROR);
}

TEST_P(TlsChannel, AnAlertThatFindsNoRoomWaitsForIt) {
  auto one = ready(4'096);
  const std::string text = filler(1'000);
  const std::size_t written = fill(*one, text);
  one->peer->put_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), "");
  ASSERT_EQ(one->status, tls_status::violation);
  one->channel->abort();
  EXPECT_EQ(one->channel->finish(), tls_status::want_write);
  std::string got;
  for (int i = 0; i < 1'000 && one->channel->finish() == tls_status::want_write; ++i) {
    one->peer->pull();
    got += one->peer->read();
    one->edges();
  }
  one->peer->pull();
  got += one->peer->read();
  EXPECT_EQ(got.size(), written + text.size()) << "what was under way comes whole";
  EXPECT_EQ(one->alert, SSL_AD_BAD_RECORD_MAC);
  EXPECT_FALSE(one->peer->is_finished_by_peer() && one->alert < 0);
}

// OpenSSL has no call for it; there the missing close_notify tells.
TEST_P(TlsChannel, AbortsWithoutCloseNotify) {
  auto one = ready();
  ASSERT_EQ(one->channel->write(as_bytes("half of")).status, tls_status::ok);
  one->channel->abort();
  EXPECT_EQ(one->channel->finish(), tls_status::ok);
  one->peer->pull();
  EXPECT_EQ(one->peer->read(), "half of");
  EXPECT_EQ(one->alert, GetParam().detaches ? SSL_AD_INTERNAL_ERROR : -1);
}

TEST_P(TlsChannel, StillReadsAfterItHasFinishedWriting) {
  auto one = ready();
  EXPECT_EQ(one->channel->finish(), tls_status::ok);
  one->peer->pull();
  one->peer->read();
  EXPECT_TRUE(one->peer->is_finished_by_peer());
  if (GetParam().version == TLS1_3_VERSION) {
    one->peer->write("more");
    one->peer->push();
    one->edges();
    EXPECT_EQ(one->read(), "more");
  }
  one->peer->finish();
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), "");
  EXPECT_EQ(one->status, tls_status::finished);
}

TEST_P(TlsChannel, StillWritesAfterThePeerHasFinished) {
  auto one = ready();
  one->peer->finish();
  one->peer->push();
  ::shutdown(one->peer->descriptor(), SHUT_WR);
  one->edges();
  one->read();
  ASSERT_EQ(one->status, tls_status::finished);
  EXPECT_EQ(one->channel->write(as_bytes("answer")).status, tls_status::ok);
  EXPECT_EQ(one->channel->finish(), tls_status::ok);
}

TEST_P(TlsChannel, FinishesWhenTheSocketHasRoomAgain) {
  auto one = ready(4'096);
  const std::string text = filler(1'000);
  std::size_t written = 0;
  while (one->channel->write(as_bytes(text)).status == tls_status::ok)
    written += text.size();
  std::string got;
  bool pending = true;
  while (pending) {
    one->peer->pull();
    got += one->peer->read();
    one->edges();
    pending = one->channel->write(as_bytes(text)).status != tls_status::ok;
  }
  written += text.size();
  while (one->channel->finish() == tls_status::want_write) {
    one->peer->pull();
    got += one->peer->read();
    one->edges();
  }
  one->peer->pull();
  got += one->peer->read();
  EXPECT_EQ(got.size(), written);
  EXPECT_TRUE(one->peer->is_finished_by_peer());
}

TEST_P(TlsChannel, ResumesWithTheTicketOfAnotherContextOfTheSameKeys) {
  auto first = ready();
  first->channel->write(as_bytes("x"));
  first->peer->pull();
  EXPECT_EQ(first->peer->read(), "x");
  SSL_SESSION* const session = SSL_get1_session(first->peer->ssl());
  // Copies: OpenSSL's client gives up a session for which it got another ticket.
  SSL_SESSION* const copy = SSL_SESSION_dup(session);
  SSL_SESSION* const copy_for_stranger = SSL_SESSION_dup(session);
  const auto other_worker = make_tls_contexts(settings, tickets);
  connected_channel again(other_worker, io, GetParam().version, 0, session);
  again.handshake();
  EXPECT_TRUE(again.channel->is_resumed());
  EXPECT_TRUE(again.facts.resumed);
  EXPECT_FALSE(again.channel->is_resumed_elsewhere());

  ticket_sealer other_gateway(keys, "b:443", metrics);
  const auto elsewhere = make_tls_contexts(settings, other_gateway);
  connected_channel moved(elsewhere, io, GetParam().version, 0, copy);
  moved.handshake();
  EXPECT_TRUE(moved.channel->is_resumed_elsewhere());

  ticket_sealer fresh(make_random_ring(), "a:443", metrics);
  const auto stranger = make_tls_contexts(settings, fresh);
  connected_channel full(stranger, io, GetParam().version, 0, copy_for_stranger);
  full.handshake();
  EXPECT_FALSE(full.channel->is_resumed());
  EXPECT_FALSE(full.channel->is_resumed_elsewhere());
  SSL_SESSION_free(session);
  SSL_SESSION_free(copy);
  SSL_SESSION_free(copy_for_stranger);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TlsChannel,
                         ::testing::Values(tls12, tls12_detached, tls12_moved, tls13,
                                           tls13_detached, tls13_moved),
                         name_of_kind);

}  // namespace
}  // namespace presenter::gateway
