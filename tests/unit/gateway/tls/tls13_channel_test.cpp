// What only TLS 1.3 has: KeyUpdates, padding, tickets behind the handshake.
#include "gateway/tls/tls_channel.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "tests/unit/gateway/tls/tls_channel_kinds.hpp"

namespace presenter::gateway {
namespace {

class Tls13Channel : public TlsChannel {};
INSTANTIATE_TEST_SUITE_P(Kinds, Tls13Channel, ::testing::Values(tls13, tls13_detached, tls13_moved),
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
  // From version 3.2 on OpenSSL pads from the next keys on.
  one->peer->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
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

TEST_P(Tls13Channel, LosesNothingIfTheClientUpdatesItsKeysWhileDataWaits) {
  for (const int updates : {1, 2, 3, 20}) {
    auto one = ready(4'096);
    const std::string text = filler(1'000);
    const std::size_t sent = fill(*one, text) + text.size();
    for (int i = 0; i != updates; ++i)
      one->peer->key_update(SSL_KEY_UPDATE_REQUESTED);
    one->peer->write("behind them");
    std::string read;
    std::string got;
    bool waits = true;
    for (int i = 0; i < 1'000 && got.size() != sent; ++i) {
      one->peer->push();
      one->edges();
      read += one->read();
      ASSERT_EQ(one->status, tls_status::want_read) << updates;
      if (waits) waits = one->channel->write(as_bytes(text)).status != tls_status::ok;
      one->peer->pull();
      got += one->peer->read();
    }
    EXPECT_EQ(read, "behind them");
    EXPECT_EQ(got.size(), sent) << updates;
    ASSERT_EQ(one->channel->write(as_bytes("after")).status, tls_status::ok);
    one->peer->pull();
    EXPECT_EQ(one->peer->read(), "after");
  }
}

// They are answered all the same, by OpenSSL one by one.
TEST_P(Tls13Channel, HoldsNoMoreThanItsShareForAClientThatUpdatesItsKeysAndDoesNotRead) {
  auto one = ready(4'096);
  const std::string text = filler(1'000);
  fill(*one, text);
  const std::int64_t before = byte_buffer::live_bytes();
  for (int i = 0; i != 30'000; ++i) {
    one->peer->key_update(SSL_KEY_UPDATE_REQUESTED);
    if (i % 20 == 0) one->peer->write("x");
  }
  for (int i = 0; i != 3'000; ++i) {
    one->peer->push();
    one->edges();
    one->read();
  }
  EXPECT_LT(byte_buffer::live_bytes() - before,
            static_cast<std::int64_t>(4 * openssl_session::unsent_bytes_max));
}

TEST_P(Tls13Channel, FollowsAKeyUpdateASecondForAsLongAsThereAreSome) {
  auto one = ready();
  for (int i = 0; i != 200; ++i) {
    one->now += std::chrono::seconds(1);
    one->peer->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
    one->peer->push();
    one->edges();
    one->read();
    ASSERT_EQ(one->status, tls_status::want_read) << i;
  }
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

class DetachedChannel : public TlsChannel {};
INSTANTIATE_TEST_SUITE_P(Kinds, DetachedChannel, ::testing::Values(tls13_detached, tls13_moved),
                         name_of_kind);

// OpenSSL has no limit: there the share of a turn is the only one.
TEST_P(DetachedChannel, EndsAClientWhoseKeyUpdatesComeFasterThanOneASecond) {
  auto one = ready();
  const auto update = [&](int times) {
    for (int i = 0; i != times; ++i)
      one->peer->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
    one->peer->push();
    one->edges();
    one->read();
  };
  update(32);
  ASSERT_EQ(one->status, tls_status::want_read);
  one->now += std::chrono::seconds(10);
  update(10);
  ASSERT_EQ(one->status, tls_status::want_read);
  update(1);
  EXPECT_EQ(one->status, tls_status::violation);
  one->peer->pull();
  one->peer->read();
  EXPECT_EQ(one->alert, SSL_AD_UNEXPECTED_MESSAGE);
}

}  // namespace
}  // namespace presenter::gateway
