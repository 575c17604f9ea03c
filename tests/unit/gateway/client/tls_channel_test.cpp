#include "gateway/client/tls_channel.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "gateway/client/tls_context.hpp"
#include "tests/unit/gateway/client/connected_channel.hpp"
#include "tests/unit/gateway/config_files.hpp"

namespace presenter::gateway {
namespace {

using presenter::testing::tls_peer;

std::string filler(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i)
    text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Who does the records after the handshake.
struct channel_kind {
  const char* name;
  int version;
  bool detaches;
};

class TlsChannel : public ::testing::TestWithParam<channel_kind> {
 protected:
  TlsChannel() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
    context = make_tls_contexts(settings, tickets);
  }

  std::unique_ptr<connected_channel> connect(int socket_bytes = 0, SSL_SESSION* resume = nullptr) {
    auto made =
        std::make_unique<connected_channel>(context, io, GetParam().version, socket_bytes, resume);
    made->detaches = GetParam().detaches;
    return made;
  }
  std::unique_ptr<connected_channel> ready(int socket_bytes = 0) {
    auto made = connect(socket_bytes);
    made->handshake();
    return made;
  }

  config_files files;
  tls_config settings;
  ticket_ring_ptr keys = make_random_ring();
  worker_metrics metrics;
  ticket_sealer tickets{keys, "a:443", metrics};
  tls_contexts_ptr context;
  tls_io io;
};

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
  large->peer->offer_protocols(15);
  large->handshake();
  auto larger = connect();
  larger->peer->offer_protocols(17);
  EXPECT_FALSE(larger->shake());
  EXPECT_EQ(larger->status, tls_status::reset);
  auto next = ready();
  next->peer->write("as ever");
  next->peer->push();
  next->edges();
  EXPECT_EQ(next->read(), "as ever");
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

constexpr channel_kind tls12{"Tls12", TLS1_2_VERSION, false};
constexpr channel_kind tls13{"Tls13", TLS1_3_VERSION, false};
constexpr channel_kind tls13_detached{"Tls13Detached", TLS1_3_VERSION, true};

std::string name_of_kind(const ::testing::TestParamInfo<channel_kind>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, TlsChannel, ::testing::Values(tls12, tls13, tls13_detached),
                         name_of_kind);

class Tls13Channel : public TlsChannel {};
INSTANTIATE_TEST_SUITE_P(Kinds, Tls13Channel, ::testing::Values(tls13, tls13_detached),
                         name_of_kind);

TEST_P(Tls13Channel, FollowsKeyUpdatesInTheMiddleOfTraffic) {
  auto one = ready();
  for (int i = 0; i < 10; ++i) {
    one->peer->key_update(i % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    one->peer->write("ping");
    one->peer->push();
    one->edges();
    EXPECT_EQ(one->read(), "ping");
    ASSERT_EQ(one->channel->write(as_bytes("pong")).status, tls_status::ok);
    one->peer->pull();
    EXPECT_EQ(one->peer->read(), "pong");
  }
}

TEST_P(Tls13Channel, StopsInTheMiddleOfPaddingWhenItsShareIsUsedUp) {
  auto one = ready();
  ASSERT_EQ(SSL_set_block_padding(one->peer->ssl(), 16'384), 1);
  const std::string text = filler(30);
  for (const char byte : text)
    one->peer->write({&byte, 1});
  std::string got;
  while (one->peer->push() != 0) {
    one->edges();
    got += one->read();
  }
  EXPECT_EQ(got, text);
  EXPECT_GE(one->turns_more, 2);
}

// OpenSSL goes on by itself behind each of them.
TEST_P(Tls13Channel, StopsInTheMiddleOfKeyUpdatesWhenItsShareIsUsedUp) {
  auto one = ready();
  const int in_a_row = GetParam().detaches ? 30 : 300;
  for (int i = 0; i < 10; ++i) {
    for (int update = 0; update < in_a_row; ++update)
      one->peer->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
    one->peer->write("ping");
  }
  std::string got;
  while (one->peer->push() != 0) {
    one->edges();
    got += one->read();
  }
  EXPECT_EQ(got.size(), 40U);
  EXPECT_GE(one->turns_more, 2);
}

// OpenSSL passes over a reset that it meets while it sends the ticket, and takes the news of it
// away.
TEST_P(Tls13Channel, TellsAResetThatTheTicketRanInto) {
  auto one = connect();
  ASSERT_NO_FATAL_FAILURE(one->handshake_to_the_peers_last_flight());
  one->peer->push();
  one->peer->close_descriptor();
  one->edges();
  ASSERT_EQ(one->channel->handshake(), tls_status::ok);
  if (GetParam().detaches) {
    ASSERT_TRUE(one->channel->detach());
  }
  one->read();
  EXPECT_EQ(one->status, tls_status::reset);
}

// The answer to a KeyUpdate has to leave before anything else is read: whoever reads has to try
// again when the socket has room.
TEST_P(Tls13Channel, ReadsOnBehindAKeyUpdateWhoseAnswerHadNoRoom) {
  auto one = ready(4'096);
  const std::string text = filler(1'000);
  std::size_t written = 0;
  while (one->channel->write(as_bytes(text)).status == tls_status::ok)
    written += text.size();
  one->peer->key_update(SSL_KEY_UPDATE_REQUESTED);
  one->peer->write("behind it");
  one->peer->push();
  one->edges();
  std::string read = one->read();
  std::string got;
  for (int i = 0; i < 1'000 && (got.size() < written + 2 * text.size()); ++i) {
    one->peer->pull();
    got += one->peer->read();
    one->edges();
    if (written + text.size() <= got.size() + 100'000 &&
        one->channel->write(as_bytes(text)).status == tls_status::ok)
      written += text.size();
    read += one->read();
  }
  EXPECT_EQ(read, "behind it");
}

// A ticket is a record of its own, and so is each of two.
TEST_P(Tls13Channel, CountsTheTicketsThatOpensslHasSealed) {
  for (const std::size_t tickets : {0U, 1U, 5U}) {
    ASSERT_EQ(SSL_CTX_set_num_tickets(context->front(), tickets), 1);
    auto one = ready();
    ASSERT_EQ(one->channel->write(as_bytes("first")).status, tls_status::ok);
    one->peer->pull();
    EXPECT_EQ(one->peer->read(), "first") << tickets;
  }
}

TEST_P(Tls13Channel, TakesDataThatCameWithTheEndOfTheHandshake) {
  auto one = connect();
  ASSERT_NO_FATAL_FAILURE(one->handshake_to_the_peers_last_flight());
  one->peer->write("early bird");
  one->peer->push();
  one->edges();
  ASSERT_EQ(one->channel->handshake(), tls_status::ok);
  if (GetParam().detaches) {
    ASSERT_TRUE(one->channel->detach());
  }
  EXPECT_TRUE(one->channel->has_input());
  EXPECT_EQ(one->read(), "early bird");
  EXPECT_EQ(one->status, tls_status::want_read);
}

class Tls12Channel : public TlsChannel {};
INSTANTIATE_TEST_SUITE_P(Kinds, Tls12Channel, ::testing::Values(tls12), name_of_kind);

TEST_P(Tls12Channel, KeepsOpensslsRecords) {
  auto one = ready();
  EXPECT_FALSE(one->channel->detach());
  EXPECT_FALSE(one->channel->is_detached());
  one->peer->write("still here");
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), "still here");
}

TEST_P(Tls12Channel, DoesNotRenegotiate) {
  auto one = ready();
  SSL_renegotiate(one->peer->ssl());
  one->peer->step_handshake();
  one->peer->push();
  one->edges();
  EXPECT_EQ(one->read(), "");
  EXPECT_EQ(one->status, tls_status::want_read);
  one->peer->pull();
  ERR_clear_error();
  EXPECT_FALSE(one->peer->step_handshake());
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

}  // namespace
}  // namespace presenter::gateway
