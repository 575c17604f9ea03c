// TLS early data at a tls_channel: what is taken, what is refused, and that the session behind it
// is like any other.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gateway/tls/tickets/early_data_guard.hpp"
#include "gateway/tls/tls_channel.hpp"
#include "gateway/tls/tls_context.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/connected_channel.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"

namespace presenter::gateway {
namespace {

using presenter::testing::session_ptr;
using presenter::testing::tls_peer;
using std::chrono::seconds;

// OpenSSL 3.0 has only the ones, and 3.4 warns of them.
void make_older(SSL_SESSION* session, int seconds) {
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(session) - seconds);
#else
  SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - seconds);
#endif
}

// A channel and a client of it, which speak when they are told to.
struct conversation {
  conversation(const tls_contexts_ptr& context, tls_io& io, SSL_SESSION* resume = nullptr) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    descriptor = ends[0];
    channel.emplace(context, descriptor, io);
    peer.emplace(ends[1], TLS1_3_VERSION, resume);
  }
  ~conversation() {
    channel.reset();
    ::close(descriptor);
  }

  tls_status step() {
    peer->push();
    channel->begin_turn(std::chrono::steady_clock::now());
    channel->mark_readable(false);
    return channel->handshake();
  }
  void finish_handshake() {
    for (bool ours = false, theirs = false; !ours || !theirs;) {
      if (!theirs) {
        peer->pull();
        theirs = peer->step_handshake();
      }
      if (!ours) {
        const tls_status status = step();
        ASSERT_TRUE(status == tls_status::ok || status == tls_status::want_read);
        ours = status == tls_status::ok;
      }
    }
  }
  std::string read_early() {
    std::string text(10'000, '\0');
    text.resize(channel->read_early(std::as_writable_bytes(std::span(text))));
    return text;
  }
  std::string read() {
    channel->mark_readable(false);
    std::string text(10'000, '\0');
    text.resize(channel->read(std::as_writable_bytes(std::span(text))).n);
    return text;
  }
  void expect_talk() {
    for (const char* word : {"one", "two", "three"}) {
      peer->write(word);
      peer->push();
      EXPECT_EQ(read(), word);
      EXPECT_EQ(channel->write(as_bytes(word)).status, tls_status::ok);
      peer->pull();
      EXPECT_EQ(peer->read(), word);
    }
  }

  int descriptor = -1;
  std::optional<tls_channel> channel;
  std::optional<tls_peer> peer;
};

class EarlyData : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::uint32_t bytes_max = 1'000;

  EarlyData() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
    now += seconds(100);
    context = make_tls_contexts(settings, tickets);
    guard.attach(context->front(), bytes_max);
    without = make_tls_contexts(settings, tickets);
  }

  // Of a client that has been here, and allows `count` bytes of early data.
  session_ptr ticket(std::uint32_t count = bytes_max) {
    conversation first(context, io);
    first.finish_handshake();
    first.peer->pull();
    first.peer->read();
    // A copy: the peer's context spoils its own when it dies.
    session_ptr session(SSL_SESSION_dup(SSL_get0_session(first.peer->ssl())));
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), bytes_max);
    SSL_SESSION_set_max_early_data(session.get(), count);
    return session;
  }
  std::unique_ptr<conversation> early(std::string_view text, SSL_SESSION* session,
                                      const tls_contexts_ptr* by = nullptr) {
    auto made = std::make_unique<conversation>(by != nullptr ? *by : context, io, session);
    EXPECT_TRUE(made->peer->write_early(text));
    return made;
  }
  // From here on as any other client.
  void detach(conversation& client) {
    client.peer->pull();
    client.peer->read();
    if (GetParam()) {
      ASSERT_TRUE(client.channel->detach());
    }
  }
  std::uint64_t counted(early_data_result result) { return metrics.early_data[result].value(); }

  config_files files;
  tls_config settings;
  ticket_ring_ptr keys = make_random_ring();
  worker_metrics metrics;
  ticket_sealer tickets{keys, "a:443", metrics};
  // The process is older than every ticket.
  early_data_register::time now = early_data_register::now() - seconds(100);
  early_data_register taken{early_data_register::slots_default, [this] { return now; }};
  early_data_guard guard{taken, metrics};
  tls_contexts_ptr context;
  tls_contexts_ptr without;
  tls_io io;
};

TEST_P(EarlyData, IsThereBeforeTheHandshakeHasEndedAndCanBeAnswered) {
  const auto client = early("hello", ticket().get());
  EXPECT_EQ(client->step(), tls_status::want_read);
  ASSERT_TRUE(client->channel->has_early_data());
  EXPECT_EQ(client->read_early(), "hello");
  EXPECT_TRUE(client->channel->facts().resumed);
  EXPECT_EQ(client->channel->write(as_bytes("hello to you")).status, tls_status::ok);
  EXPECT_FALSE(client->channel->is_write_pending());
  client->peer->pull();
  ASSERT_TRUE(client->peer->step_handshake());
  EXPECT_EQ(client->peer->read(), "hello to you") << "before it has said anything more";
  EXPECT_EQ(client->step(), tls_status::ok);
  detach(*client);
  client->expect_talk();
}

TEST_P(EarlyData, ThatNobodyReadIsReadFirst) {
  const auto client = early("early", ticket().get());
  client->finish_handshake();
  detach(*client);
  EXPECT_TRUE(client->channel->has_input());
  EXPECT_EQ(client->read(), "early");
  client->expect_talk();
}

TEST_P(EarlyData, IsRefusedTheSecondTimeAndTheHandshakeGoesOn) {
  const session_ptr session = ticket();
  const auto client = early("once", session.get());
  const std::string flight = client->peer->output();
  EXPECT_EQ(client->step(), tls_status::want_read);
  ASSERT_TRUE(client->channel->has_early_data());

  for (std::uint64_t times = 1; times < 4; ++times) {
    conversation again(context, io);
    again.peer->put_raw(flight);
    EXPECT_EQ(again.step(), tls_status::want_read);
    EXPECT_FALSE(again.channel->has_early_data());
    EXPECT_EQ(again.read_early(), "");
    EXPECT_NE(again.peer->pull(), 0U) << "the server's part of the handshake";
    EXPECT_EQ(counted(early_data_result::replayed), times);
  }
}

TEST_P(EarlyData, OfAnotherWorkerIsKnownHereToo) {
  const session_ptr session = ticket();
  const auto client = early("once", session.get());
  const std::string flight = client->peer->output();
  EXPECT_EQ(client->step(), tls_status::want_read);

  worker_metrics other_metrics;
  early_data_guard other_guard(taken, other_metrics);
  const tls_contexts_ptr other = make_tls_contexts(settings, tickets);
  other_guard.attach(other->front(), bytes_max);
  conversation again(other, io);
  again.peer->put_raw(flight);
  EXPECT_EQ(again.step(), tls_status::want_read);
  EXPECT_EQ(other_metrics.early_data[early_data_result::replayed].value(), 1U);
}

TEST_P(EarlyData, OneTicketMayServeTwoClientHellos) {
  const session_ptr session = ticket();
  for (int i = 0; i < 2; ++i) {
    // OpenSSL's client would use it once.
    const session_ptr copy(SSL_SESSION_dup(session.get()));
    const auto client = early("hello", copy.get());
    client->finish_handshake();
    EXPECT_EQ(client->read(), "hello");
  }
  EXPECT_EQ(counted(early_data_result::replayed), 0U);
}

TEST_P(EarlyData, IsRefusedWhereTheGatewayTakesNone) {
  const auto client = early("hello", ticket().get(), &without);
  client->finish_handshake();
  EXPECT_TRUE(client->channel->is_resumed());
  EXPECT_TRUE(client->channel->has_refused_early_data());
  EXPECT_FALSE(client->channel->is_early_data_counted());
  EXPECT_EQ(SSL_get_early_data_status(client->peer->ssl()), SSL_EARLY_DATA_REJECTED);
  detach(*client);
  client->expect_talk();
}

TEST_P(EarlyData, IsRefusedIfTheTicketsAgeDoesNotFit) {
  const session_ptr session = ticket();
  make_older(session.get(), 60);
  const auto client = early("hello", session.get());
  client->finish_handshake();
  EXPECT_TRUE(client->channel->has_refused_early_data());
  EXPECT_FALSE(client->channel->is_early_data_counted());
  detach(*client);
  client->expect_talk();
}

TEST_P(EarlyData, IsRefusedIfItCannotBeTold) {
  const session_ptr session = ticket();
  now -= seconds(600);
  const auto client = early("hello", session.get());
  client->finish_handshake();
  EXPECT_TRUE(client->channel->has_refused_early_data());
  EXPECT_TRUE(client->channel->is_early_data_counted());
  EXPECT_EQ(counted(early_data_result::unrecorded), 1U);
  detach(*client);
  client->expect_talk();
}

TEST_P(EarlyData, MayFillWhatTheTicketAllowsAndNoMore) {
  const std::string full(bytes_max, 'f');
  const auto within = early(full, ticket().get());
  within->finish_handshake();
  EXPECT_EQ(within->read(), full);

  const auto beyond = early(full + "x", ticket(10'000).get());
  EXPECT_EQ(beyond->step(), tls_status::violation);
}

TEST_P(EarlyData, GarbageBehindItEndsTheHandshake) {
  const auto client = early("hello", ticket().get());
  EXPECT_EQ(client->step(), tls_status::want_read);
  client->peer->put_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'g'));
  EXPECT_EQ(client->step(), tls_status::violation);
}

TEST_P(EarlyData, AnAnswerThatTheSocketDoesNotTakeHoldsUpTheHandshakeAlone) {
  const auto client = early("hello", ticket().get());
  EXPECT_EQ(client->step(), tls_status::want_read);
  EXPECT_EQ(client->read_early(), "hello");
  const std::string block(16'000, 'b');
  std::size_t blocks = 0;
  while (client->channel->write(as_bytes(block)).status == tls_status::ok)
    ++blocks;
  ASSERT_TRUE(client->channel->is_write_pending());

  std::string got;
  bool done = false;
  while (client->channel->is_write_pending()) {
    client->peer->pull();
    if (!done) done = client->peer->step_handshake();
    got += client->peer->read();
    client->channel->mark_writable();
    if (client->channel->write(as_bytes(block)).status == tls_status::ok) ++blocks;
  }
  EXPECT_EQ(client->step(), tls_status::ok);
  client->peer->pull();
  got += client->peer->read();
  EXPECT_TRUE(got == std::string(blocks * block.size(), 'b'));
  detach(*client);
  client->expect_talk();
}

INSTANTIATE_TEST_SUITE_P(Records, EarlyData, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Detached" : "OpenSsl");
});

}  // namespace
}  // namespace presenter::gateway
