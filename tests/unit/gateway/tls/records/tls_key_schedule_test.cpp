// RFC 8448 §3 ("Simple 1-RTT Handshake"), the steps from the master secret on, and the hash that
// it does not use against OpenSSL's own KDF.
#include "gateway/tls/records/tls_key_schedule.hpp"

#include <gtest/gtest.h>

#include "gateway/tls/records/tls_traffic_secrets.hpp"
#include "tests/unit/gateway/tls/records/rfc8448_secrets.hpp"
#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

constexpr auto aes_128 = tls_suite::aes_128_gcm_sha256;
constexpr auto aes_256 = tls_suite::aes_256_gcm_sha384;

byte_string expand(tls_suite suite, const byte_string& secret, std::string_view label,
                   const byte_string& context, std::size_t size) {
  tls_key_schedule schedule;
  byte_string out(size);
  EXPECT_TRUE(schedule.expand(suite, secret, label, context, out));
  return out;
}

const byte_string master =
    bytes_of_hex("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
// Of the messages ClientHello … server's Finished.
const byte_string transcript =
    bytes_of_hex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");

TEST(TlsKeySchedule, DerivesTheTrafficSecretsOfRfc8448) {
  EXPECT_EQ(expand(aes_128, master, "c ap traffic", transcript, 32), client_secret);
  EXPECT_EQ(expand(aes_128, master, "s ap traffic", transcript, 32), server_secret);
}

TEST(TlsKeySchedule, DerivesTheTrafficKeysOfRfc8448) {
  EXPECT_EQ(expand(aes_128, client_secret, "key", {}, 16),
            bytes_of_hex("17422dda596ed5d9acd890e3c63f5051"));
  EXPECT_EQ(expand(aes_128, client_secret, "iv", {}, 12), bytes_of_hex("5b78923dee08579033e523d9"));
  EXPECT_EQ(expand(aes_128, server_secret, "key", {}, 16),
            bytes_of_hex("9f02283b6c9c07efc26bb9f2ac92e356"));
  EXPECT_EQ(expand(aes_128, server_secret, "iv", {}, 12), bytes_of_hex("cf782b88dd83549aadf1e984"));
}

TEST(TlsKeySchedule, AgreesWithOpensslForEveryLabelAndSuite) {
  for (const auto suite : {aes_128, aes_256, tls_suite::chacha20_poly1305_sha256}) {
    byte_string secret(hash_bytes(suite));
    for (std::size_t i = 0; i != secret.size(); ++i)
      secret[i] = static_cast<std::byte>(7 * i + 1);
    for (const auto& [label, size] : {std::pair("key", key_bytes(suite)),
                                      {"iv", tls_iv_bytes},
                                      {"traffic upd", hash_bytes(suite)},
                                      {"", 1}})
      EXPECT_EQ(expand(suite, secret, label, {}, size), kdf_expand(suite, secret, label, size))
          << static_cast<int>(suite) << " " << label;
  }
}

TEST(TlsKeySchedule, RefusesSizesThatDoNotFit) {
  tls_key_schedule schedule;
  byte_string out(33);
  EXPECT_FALSE(schedule.expand(aes_128, byte_string(48), "key", {}, std::span(out).first(16)));
  EXPECT_FALSE(schedule.expand(aes_256, byte_string(32), "key", {}, std::span(out).first(16)));
  EXPECT_FALSE(schedule.expand(aes_128, byte_string(32), "key", {}, out));
  EXPECT_FALSE(
      schedule.expand(aes_128, byte_string(32), "key", byte_string(62), std::span(out).first(16)));
}

TEST(TlsKeySchedule, KnowsTheSuitesThatCanBeDetached) {
  EXPECT_EQ(tls_suite_of(0x1300), std::nullopt);
  EXPECT_EQ(tls_suite_of(0x1301), tls_suite::aes_128_gcm_sha256);
  EXPECT_EQ(tls_suite_of(0x1303), tls_suite::chacha20_poly1305_sha256);
  EXPECT_EQ(tls_suite_of(0x1304), std::nullopt);  // AES-128-CCM
  EXPECT_EQ(tls_suite_of(0xc02b), std::nullopt);  // of TLS 1.2
}

const std::string random_of_client(64, 'a');

TEST(TlsTrafficSecrets, PicksTheTwoLinesOutOfTheKeyLog) {
  tls_traffic_secrets secrets;
  const std::string secret = "00ff" + std::string(60, 'A');
  secrets.add_line("CLIENT_HANDSHAKE_TRAFFIC_SECRET " + random_of_client + " " + secret);
  secrets.add_line("EXPORTER_SECRET " + random_of_client + " " + secret);
  EXPECT_TRUE(secrets.client().empty());
  secrets.add_line("CLIENT_TRAFFIC_SECRET_0 " + random_of_client + " " + secret);
  EXPECT_FALSE(secrets.is_complete(aes_128));
  secrets.add_line("SERVER_TRAFFIC_SECRET_0 " + random_of_client + " " + std::string(64, '1'));
  EXPECT_TRUE(secrets.is_complete(aes_128));
  EXPECT_FALSE(secrets.is_complete(aes_256));
  EXPECT_EQ(byte_string(secrets.client().begin(), secrets.client().end()), bytes_of_hex(secret));
  EXPECT_EQ(secrets.server()[0], std::byte{0x11});
}

TEST(TlsTrafficSecrets, IgnoresBrokenLines) {
  tls_traffic_secrets secrets;
  const std::string label = "CLIENT_TRAFFIC_SECRET_0 ";
  for (const std::string& line :
       {std::string(), std::string("CLIENT_TRAFFIC_SECRET_0"), label, label + random_of_client,
        label + random_of_client + " 123", label + random_of_client + " 1g",
        label + random_of_client + " " + std::string(98, '1')}) {
    secrets.add_line(line);
    EXPECT_TRUE(secrets.client().empty()) << line;
  }
}

TEST(TlsTrafficSecrets, LeavesNoBytesBehind) {
  alignas(tls_traffic_secrets) std::byte storage[sizeof(tls_traffic_secrets)];
  auto* const secrets = new (storage) tls_traffic_secrets;
  secrets->add_line("CLIENT_TRAFFIC_SECRET_0 " + random_of_client + " " + std::string(64, '1'));
  secrets->add_line("SERVER_TRAFFIC_SECRET_0 " + random_of_client + " " + std::string(64, '2'));
  EXPECT_FALSE(is_wiped(storage, sizeof storage));
  secrets->~tls_traffic_secrets();
  EXPECT_TRUE(is_wiped(storage, sizeof storage));
}

}  // namespace
}  // namespace presenter::gateway
