// The clean end of a client on a socket pair: what it sees, and when its descriptor may be closed.
#include "gateway/client/client_closing.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/connected_channel.hpp"

namespace presenter::gateway {
namespace {

// Who does the records: this process, or OpenSSL.
struct records_kind {
  const char* name;
  int version;
  bool are_detached;
};

class ClientClosing : public ::testing::TestWithParam<records_kind> {
 protected:
  ClientClosing() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
    context = make_tls_contexts(settings, tickets);
    connect();
  }

  void connect(int socket_bytes = 0) {
    client = std::make_unique<connected_channel>(context, io, GetParam().version, socket_bytes);
    client->detaches = GetParam().are_detached;
    client->handshake();
  }

  void leave(std::string_view text) { rest.append(std::as_bytes(std::span(text))); }
  closing_step go_on(bool is_client_finished = false) {
    return closing.go_on(*client->channel, client->descriptor, rest, is_client_finished);
  }
  // Raw: nobody decrypts what comes now.
  void send(std::size_t bytes) {
    const std::string text(bytes, 'x');
    ASSERT_EQ(::send(client->peer->descriptor(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes));
  }
  // The next byte for the client, or -1: there is none; 0: FIN.
  ssize_t look() {
    char byte = 0;
    return ::recv(client->peer->descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  }
  std::string received() {
    client->peer->pull();
    return client->peer->read();
  }

  config_files files;
  tls_config settings;
  worker_metrics metrics;
  ticket_sealer tickets{make_random_ring(), "a:443", metrics};
  tls_contexts_ptr context;
  tls_io io;
  std::unique_ptr<connected_channel> client;
  client_closing closing;
  byte_buffer rest;
};

TEST_P(ClientClosing, SendsWhatIsLeftThenCloseNotifyThenFin) {
  leave("last words");
  EXPECT_EQ(go_on(), closing_step::await_socket);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(received(), "last words");
  EXPECT_TRUE(client->peer->is_finished_by_peer());
  EXPECT_TRUE(client->peer->is_closed()) << "its FIN has come";
}

TEST_P(ClientClosing, IsOverWhenTheClientHasClosedItsSide) {
  EXPECT_EQ(go_on(), closing_step::await_socket);
  send(100);
  EXPECT_EQ(go_on(), closing_step::await_socket) << "what it still sends is dropped";
  ::shutdown(client->peer->descriptor(), SHUT_WR);
  EXPECT_EQ(go_on(), closing_step::over);
}

TEST_P(ClientClosing, LeavesNothingUnreadThatWouldResetTheClient) {
  leave("last words");
  send(1'000);
  EXPECT_EQ(go_on(), closing_step::await_socket);
  char byte = 0;
  EXPECT_EQ(::recv(client->descriptor, &byte, 1, MSG_DONTWAIT), -1);
}

TEST_P(ClientClosing, WaitsForNothingIfBothHaveFinished) {
  leave("last words");
  EXPECT_EQ(go_on(true), closing_step::over);
  EXPECT_EQ(received(), "last words");
  EXPECT_TRUE(client->peer->is_finished_by_peer());
}

TEST_P(ClientClosing, SaysCloseNotifyOnce) {
  EXPECT_EQ(closing.finish_writing(*client->channel), tls_status::ok);
  EXPECT_EQ(received(), "");
  EXPECT_TRUE(client->peer->is_finished_by_peer());
  EXPECT_EQ(closing.finish_writing(*client->channel), tls_status::ok);
  EXPECT_EQ(look(), -1);
  EXPECT_EQ(go_on(), closing_step::await_socket);
  EXPECT_EQ(look(), 0) << "nothing but FIN";
}

TEST_P(ClientClosing, AfterAnAbortNothingButTheAlertAndFin) {
  client->channel->abort();
  EXPECT_EQ(go_on(), closing_step::await_socket);
  received();
  EXPECT_EQ(client->alert, GetParam().are_detached ? SSL_AD_INTERNAL_ERROR : -1);
  EXPECT_TRUE(client->peer->is_closed()) << "its FIN has come";
  send(100);
  EXPECT_EQ(go_on(), closing_step::await_socket) << "what it still sends is dropped";
}

TEST_P(ClientClosing, GoesOnWhereAFullSocketStoppedIt) {
  connect(4'096);
  const std::string text(200'000, 'x');
  leave(text);
  EXPECT_EQ(go_on(), closing_step::await_socket);
  EXPECT_FALSE(rest.empty());
  std::string got;
  for (int i = 0; i < 10'000 && !client->peer->is_finished_by_peer(); ++i) {
    got += received();
    client->edges();
    EXPECT_EQ(go_on(), closing_step::await_socket);
  }
  EXPECT_TRUE(got == text);
  EXPECT_TRUE(client->peer->is_finished_by_peer());
}

TEST_P(ClientClosing, CloseNotifyWaitsForRoomAsWell) {
  connect(4'096);
  const std::string filler(1'000, 'x');
  std::size_t filled = 0;
  for (ssize_t n = 0; n >= 0; filled += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::send(client->descriptor, filler.data(), filler.size(), MSG_DONTWAIT);
  EXPECT_EQ(go_on(), closing_step::await_socket);
  std::string ignored(filled, ' ');
  EXPECT_EQ(::recv(client->peer->descriptor(), ignored.data(), filled, MSG_WAITALL),
            static_cast<ssize_t>(filled));
  EXPECT_EQ(look(), -1);
  client->edges();
  EXPECT_EQ(go_on(), closing_step::await_socket);
  received();
  EXPECT_TRUE(client->peer->is_finished_by_peer());
  EXPECT_TRUE(client->peer->is_closed());
}

TEST_P(ClientClosing, OneThatNeverStopsSendingGetsItsShareOfATurn) {
  send(150'000);
  EXPECT_EQ(go_on(), closing_step::await_turn);
  char byte = 0;
  EXPECT_EQ(::recv(client->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
  EXPECT_EQ(go_on(), closing_step::await_turn);
  EXPECT_EQ(go_on(), closing_step::await_socket);
}

TEST_P(ClientClosing, IsOverAtOnceIfTheClientHasGone) {
  leave("last words");
  client->peer->close_descriptor();
  EXPECT_EQ(go_on(), closing_step::over);
}

TEST_P(ClientClosing, IsOverIfTheClientGoesWithoutReadingIt) {
  EXPECT_EQ(go_on(), closing_step::await_socket);
  client->peer->close_descriptor();
  EXPECT_EQ(go_on(), closing_step::over) << "a reset";
}

INSTANTIATE_TEST_SUITE_P(Records, ClientClosing,
                         ::testing::Values(records_kind{"Tls13", TLS1_3_VERSION, true},
                                           records_kind{"Tls12", TLS1_2_VERSION, false}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace presenter::gateway
