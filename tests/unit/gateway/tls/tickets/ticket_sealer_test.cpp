// Two gateways as two contexts with a sealer each, and one client, on memory BIOs.
#include "gateway/tls/tickets/ticket_sealer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "gateway/tls/tls_context.hpp"
#include "tests/support/tls_pair.hpp"
#include "tests/unit/gateway/config/config_files.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using presenter::testing::ssl_end;

using session_ptr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

struct gateway_end {
  gateway_end(const tls_config& settings, ticket_ring_ptr ring, std::string_view name,
              const ticket_time& now)
      : sealer(std::move(ring), name, metrics, [&now] { return now; }),
        context(make_tls_contexts(settings, sealer)) {}

  std::uint64_t count(ticket_event event) const { return metrics.tickets[event].value(); }

  worker_metrics metrics;
  ticket_sealer sealer;
  tls_contexts_ptr context;
};

// One handshake, and what the client has from it.
struct visit {
  bool is_resumed = false;
  bool is_from_elsewhere = false;
  std::size_t tickets = 0;  // that the client got; in TLS 1.2 without renewed ones
  session_ptr session{nullptr, &SSL_SESSION_free};
};

class TicketSealer : public ::testing::TestWithParam<int> {
 protected:
  TicketSealer() : client_(SSL_CTX_new(TLS_client_method())) {
    settings_.certificate = files_.folder() / "tls.pem";
    settings_.private_key = files_.folder() / "tls.key";
    settings_.detach_records = false;  // it takes openssl_session, not memory BIOs
    SSL_CTX_set_session_cache_mode(client_.get(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_set_app_data(client_.get(), this);
    SSL_CTX_sess_set_new_cb(client_.get(), [](SSL* ssl, SSL_SESSION*) {
      ++static_cast<TicketSealer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->tickets_;
      return 0;
    });
  }

  static ticket_ring_ptr ring_of(ticket_keys keys) {
    std::vector<ticket_ring::layer> layers;
    layers.push_back({ticket_origin::zookeeper, std::move(keys)});
    return std::make_shared<const ticket_ring>(std::move(layers));
  }

  std::unique_ptr<gateway_end> gateway(const ticket_keys& keys, std::string_view name) {
    return std::make_unique<gateway_end>(settings_, ring_of(keys), name, now_);
  }

  visit call(gateway_end& at, SSL_SESSION* with = nullptr) {
    ssl_end client(client_.get(), false);
    ssl_end server(at.context->front(), true);
    SSL_set_min_proto_version(client.ssl(), GetParam());
    SSL_set_max_proto_version(client.ssl(), GetParam());
    // A copy: OpenSSL's client gives up a session for which it got another ticket.
    const session_ptr copy(with == nullptr ? nullptr : SSL_SESSION_dup(with), &SSL_SESSION_free);
    if (with != nullptr) SSL_set_session(client.ssl(), copy.get());
    tickets_ = 0;
    bool client_is_through = false;
    bool server_is_through = false;
    for (int i = 0; i < 8 && !(client_is_through && server_is_through); ++i) {
      client_is_through = client.step_handshake();
      server.give(client.take());
      server_is_through = server.step_handshake();
      client.give(server.take());
    }
    EXPECT_TRUE(client_is_through && server_is_through);
    EXPECT_EQ(client.read(), "");
    visit result;
    result.is_resumed = SSL_session_reused(server.ssl()) == 1;
    result.is_from_elsewhere = ticket_sealer::is_from_elsewhere(server.ssl());
    result.tickets = tickets_;
    result.session.reset(SSL_get1_session(client.ssl()));
    client.finish();  // else OpenSSL thinks the session bad
    return result;
  }

  ticket_time now_ = ticket_clock_now();
  ticket_policy policy_;
  config_files files_;
  tls_config settings_;
  std::unique_ptr<SSL_CTX, presenter::testing::ssl_freer> client_;
  std::size_t tickets_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Versions, TicketSealer, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) {
                           return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12";
                         });

TEST_P(TicketSealer, AClientResumesAtAGatewayItHasNeverMet) {
  const auto keys = ticket_keys::first(now_, policy_);
  const auto a = gateway(keys, "a:443");
  const auto b = gateway(keys, "b:443");
  const visit first = call(*a);
  EXPECT_FALSE(first.is_resumed);
  EXPECT_EQ(first.tickets, 1U);
  EXPECT_EQ(a->count(ticket_event::issued), 1U);

  const visit moved = call(*b, first.session.get());
  EXPECT_TRUE(moved.is_resumed);
  EXPECT_TRUE(moved.is_from_elsewhere);
  EXPECT_EQ(b->count(ticket_event::current_key), 1U);

  const visit again = call(*a, first.session.get());
  EXPECT_TRUE(again.is_resumed);
  EXPECT_FALSE(again.is_from_elsewhere);
}

// TLS 1.3 clients use a ticket once: each handshake leaves them with one more. Those of TLS 1.2 go
// on with theirs.
TEST_P(TicketSealer, ATicketOfTheCurrentKeyIsRenewedOnlyInTls13) {
  const auto a = gateway(ticket_keys::first(now_, policy_), "a:443");
  visit last = call(*a);
  for (int i = 0; i < 3; ++i) {
    visit next = call(*a, last.session.get());
    ASSERT_TRUE(next.is_resumed);
    EXPECT_EQ(next.tickets, GetParam() == TLS1_3_VERSION ? 1U : 0U);
    last = std::move(next);
  }
  EXPECT_EQ(a->count(ticket_event::issued), GetParam() == TLS1_3_VERSION ? 4U : 1U);
  EXPECT_EQ(a->count(ticket_event::current_key), 3U);
}

// A renewed ticket names who renewed it, not who issued the first.
TEST_P(TicketSealer, ATicketOfAnOldKeyOpensAndIsRenewedUnderTheCurrentOne) {
  const auto old_keys = ticket_keys::first(now_, policy_);
  const auto keys = old_keys.rotated(now_, policy_, 1min);
  const auto a = gateway(old_keys, "a:443");
  const auto b = gateway(keys, "b:443");
  const visit first = call(*a);
  now_ += 1min;
  const visit renewed = call(*b, first.session.get());
  EXPECT_TRUE(renewed.is_resumed);
  EXPECT_TRUE(renewed.is_from_elsewhere);
  EXPECT_EQ(b->count(ticket_event::issued), 1U);
  EXPECT_EQ(b->count(ticket_event::old_key), 1U);

  const visit next = call(*b, renewed.session.get());
  EXPECT_TRUE(next.is_resumed);
  EXPECT_FALSE(next.is_from_elsewhere);
  EXPECT_EQ(b->count(ticket_event::current_key), 1U);
}

// h2o once renewed whatever the newest key had not sealed, for nothing while that one settled.
TEST_P(TicketSealer, AKeyThatIsYetToSealMakesNoOtherOld) {
  const auto keys = ticket_keys::first(now_, policy_).rotated(now_, policy_, 1min);
  const auto a = gateway(keys, "a:443");
  const visit first = call(*a);
  EXPECT_TRUE(call(*a, first.session.get()).is_resumed);
  EXPECT_EQ(a->count(ticket_event::current_key), 1U);
  EXPECT_EQ(a->count(ticket_event::old_key), 0U);
}

// The gateway that has read the new key first, and the one that has not read it yet.
TEST_P(TicketSealer, WhileANewKeySettlesClientsResumeBothWays) {
  const auto old_keys = ticket_keys::first(now_, policy_);
  const auto informed = gateway(old_keys.rotated(now_, policy_, 1min), "a:443");
  const auto late = gateway(old_keys, "b:443");
  const visit here = call(*informed);
  const visit there = call(*late);
  EXPECT_TRUE(call(*late, here.session.get()).is_resumed);
  EXPECT_TRUE(call(*informed, there.session.get()).is_resumed);
}

TEST_P(TicketSealer, AnUnknownKeyIsAFullHandshakeAndANewTicket) {
  const auto a = gateway(ticket_keys::first(now_, policy_), "a:443");
  const auto b = gateway(ticket_keys::first(now_, policy_), "b:443");
  const visit first = call(*a);
  const visit full = call(*b, first.session.get());
  EXPECT_FALSE(full.is_resumed);
  EXPECT_EQ(full.tickets, 1U);
  EXPECT_GE(b->count(ticket_event::unknown_key), 1U);
  EXPECT_TRUE(call(*b, full.session.get()).is_resumed);
}

TEST_P(TicketSealer, AKeyThatHasAgedOutIsUnknown) {
  const auto a = gateway(ticket_keys::first(now_, policy_), "a:443");
  const visit first = call(*a);
  now_ += policy_.lifetime;
  EXPECT_FALSE(call(*a, first.session.get()).is_resumed);
}

TEST_P(TicketSealer, NewKeysAreInForceAtOnceAndTheOldStillOpen) {
  const auto keys = ticket_keys::first(now_, policy_);
  const auto a = gateway(keys, "a:443");
  const visit first = call(*a);
  a->sealer.set_ring(ring_of(keys.rotated(now_, policy_, 0ms)));
  now_ += 1ms;
  EXPECT_TRUE(call(*a, first.session.get()).is_resumed);
  EXPECT_EQ(a->count(ticket_event::old_key), 1U);
  a->sealer.set_ring(ring_of(ticket_keys::first(now_, policy_)));
  EXPECT_FALSE(call(*a, first.session.get()).is_resumed);
}

// The name of the key is right, the rest is not.
TEST_P(TicketSealer, AForgedTicketIsAFullHandshake) {
  const auto keys = ticket_keys::first(now_, policy_);
  const auto a = gateway(keys, "a:443");
  std::string forged = keys.encode();
  forged.replace(8 + ticket_key::name_bytes, 64, 64, 'x');
  const auto b = gateway(ticket_keys::decode(forged).value(), "b:443");
  const visit first = call(*a);
  const visit full = call(*b, first.session.get());
  EXPECT_FALSE(full.is_resumed);
  EXPECT_FALSE(full.is_from_elsewhere);
}

TEST_P(TicketSealer, TellsClientsHowLongATicketLives) {
  const auto a = gateway(ticket_keys::first(now_, policy_), "a:443");
  const visit first = call(*a);
  EXPECT_EQ(SSL_SESSION_get_ticket_lifetime_hint(first.session.get()), 156U * 3'600U);
}

}  // namespace
}  // namespace presenter::gateway
