// RFC 8448 §3 ("Simple 1-RTT Handshake"): the records under the application traffic keys. The
// server's first one is its session ticket, so its data have sequence number 1. That a record opens
// proves that it stands here as it does there: its tag covers every byte.
#include <gtest/gtest.h>

#include "tests/unit/gateway/tls/records/rfc8448_secrets.hpp"
#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

constexpr auto suite = tls_suite::aes_128_gcm_sha256;

const byte_string client_data = bytes_of_hex(
    "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab "
    "3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d "
    "ea e6 3a ee bb 21 69 49 15 e4");
const byte_string server_data = bytes_of_hex(
    "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b "
    "36 e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 "
    "32 54 0d d0 32 e1 67 c2 95 5d");
const byte_string client_close =
    bytes_of_hex("17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3");
const byte_string server_close =
    bytes_of_hex("17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9");

std::string payload() {
  std::string text;
  for (char c = 0; c != 50; ++c)
    text += c;
  return text;
}

TEST(TlsRecordsTrace, TheServerOpensAndSealsTheRecordsOfRfc8448) {
  tls_record_crypto crypto;
  records_end server({suite, client_secret, server_secret, 0, 1}, crypto);
  server.receive(client_data);
  EXPECT_EQ(server.take_text(), payload());
  EXPECT_EQ(server.seal(payload()), server_data);
  server.receive(client_close);
  EXPECT_EQ(server.events.back(), tls_event::close_notify);
  EXPECT_EQ(server.alert(tls_alert::close_notify), server_close);
}

TEST(TlsRecordsTrace, TheClientSealsAndOpensTheRecordsOfRfc8448) {
  tls_record_crypto crypto;
  records_end client({suite, server_secret, client_secret, 1, 0}, crypto);
  EXPECT_EQ(client.seal(payload()), client_data);
  client.receive(server_data);
  EXPECT_EQ(client.take_text(), payload());
  EXPECT_EQ(client.alert(tls_alert::close_notify), client_close);
  client.receive(server_close);
  EXPECT_EQ(client.events.back(), tls_event::close_notify);
  EXPECT_FALSE(client.error);
}

TEST(TlsRecordsTrace, TheForgeOfTheOtherTestsMakesThemToo) {
  record_forge forge(suite, client_secret);
  EXPECT_EQ(forge.record(data, payload()), client_data);
  EXPECT_EQ(forge.record(alert, alert_message(1, 0)), client_close);
}

}  // namespace
}  // namespace presenter::gateway
