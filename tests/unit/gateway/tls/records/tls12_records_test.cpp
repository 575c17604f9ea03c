// The record layer of TLS 1.2: every length and cut, and what a client must not send.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::testing {
namespace {

using namespace presenter::gateway;

constexpr auto handshake_type = static_cast<tls_content>(handshake);
constexpr auto alert_type = static_cast<tls_content>(alert);
constexpr auto data_type = static_cast<tls_content>(data);

class Tls12Records : public ::testing::TestWithParam<tls_suite> {
 protected:
  Tls12Records() { EXPECT_TRUE(crypto.derive(suite, read_secret, client_keys)); }

  // As its client would seal it.
  byte_string record(tls_content type, std::span<const std::byte> content) {
    forge.sequence = sequence++;
    return forge.record(static_cast<int>(type), content);
  }
  byte_string record(tls_content type, std::string_view content) {
    return record(type, std::as_bytes(std::span(content)));
  }
  byte_string alert_record(int level, int description) {
    return record(alert_type, alert_message(level, description));
  }

  records_end fresh() {
    sequence = 1;  // behind the Finished
    return records_end({suite, read_secret, write_secret, 1, 1}, crypto);
  }

  void expect_refused(records_end& end, const byte_string& bytes, tls_errc why, tls_alert alert) {
    end.receive(bytes);
    EXPECT_EQ(end.errc(), why) << name_of(end.errc());
    EXPECT_EQ(alert_of(why), alert);
  }

  const tls_suite suite = GetParam();
  const byte_string read_secret = made_secret(suite, 1);
  const byte_string write_secret = made_secret(suite, 101);
  tls_record_crypto crypto;
  tls_record_keys client_keys{};
  record_forge forge{suite, read_secret};
  std::uint64_t sequence = 1;
};
INSTANTIATE_TEST_SUITE_P(Suites, Tls12Records, ::testing::ValuesIn(all_suites12),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(Tls12Records, OpensWhatItSealsOfEveryLength) {
  records_end ours = fresh();
  records_end theirs({suite, write_secret, read_secret, 1, 1}, crypto);
  for (const std::size_t size : {1U, 2U, 15U, 16U, 17U, 511U, 16'383U, 16'384U, 16'385U, 40'000U}) {
    const std::string text(size, 'x');
    const byte_string sealed = ours.seal(text);
    EXPECT_EQ(sealed.size(), size + (size + 16'383) / 16'384 * tls_overhead_bytes(suite));
    theirs.receive(sealed);
    EXPECT_TRUE(theirs.take_text() == text);
  }
}

TEST_P(Tls12Records, AsksForWhatIsMissingAtEveryCut) {
  records_end end = fresh();
  const byte_string bytes = joined({record(data_type, "one"), record(data_type, "two")});
  for (const std::byte each : bytes)
    end.receive({each});
  EXPECT_EQ(end.take_text(), "onetwo");
  EXPECT_TRUE(end.input.empty());
}

TEST_P(Tls12Records, TakesAnyNonceOfTheClients) {
  records_end end = fresh();
  tls_record_keys others = client_keys;
  std::fill_n(others.bytes.begin() + static_cast<std::ptrdiff_t>(secret_bytes(suite)) - 8,
              has_explicit_nonce(suite) ? 8 : 0, std::byte{0xff});
  byte_string made(2 + tls_overhead_bytes(suite));
  EXPECT_TRUE(crypto.seal(suite, others, 1, data_type, bytes_of("hi"), made));
  end.receive(made);
  EXPECT_EQ(end.take_text(), "hi");
}

TEST_P(Tls12Records, RefusesEveryChangedByte) {
  const std::size_t size = 2 + tls_overhead_bytes(suite);
  for (std::size_t i = 0; i != size; ++i) {
    records_end end = fresh();
    byte_string bytes = record(data_type, "hi");
    bytes[i] ^= std::byte{1};
    end.receive(bytes);
    EXPECT_EQ(end.take_text(), "") << i;
    EXPECT_TRUE(end.error || end.wanted != 0) << i;
  }
}

TEST_P(Tls12Records, RefusesARecordAgainOrOutOfOrder) {
  records_end end = fresh();
  const byte_string first = record(data_type, "one");
  const byte_string second = record(data_type, "two");
  records_end other = fresh();
  expect_refused(other, second, tls_errc::record_forged, tls_alert::bad_record_mac);
  end.receive(first);
  expect_refused(end, first, tls_errc::record_forged, tls_alert::bad_record_mac);
}

TEST_P(Tls12Records, RefusesOtherTypesVersionsAndSizes) {
  const auto header = [](int type, int minor, int length) {
    return bytes_of({type, 3, minor, length >> 8, length & 0xff});
  };
  records_end change = fresh();
  expect_refused(change, header(change_cipher_spec, 3, 1), tls_errc::record_type_invalid,
                 tls_alert::unexpected_message);
  records_end unknown = fresh();
  expect_refused(unknown, header(24, 3, 40), tls_errc::record_type_invalid,
                 tls_alert::unexpected_message);
  records_end version = fresh();
  expect_refused(version, header(data, 1, 40), tls_errc::record_version_invalid,
                 tls_alert::protocol_version);
  records_end longer = fresh();
  expect_refused(longer, header(data, 3, 16'384 + 257), tls_errc::record_oversize,
                 tls_alert::record_overflow);
  records_end empty = fresh();
  expect_refused(empty, header(data, 3, 0), tls_errc::record_forged, tls_alert::bad_record_mac);
  records_end shorter = fresh();
  expect_refused(shorter, joined({header(data, 3, 16), byte_string(16)}), tls_errc::record_forged,
                 tls_alert::bad_record_mac);
  records_end content = fresh();
  expect_refused(content, record(data_type, byte_string(16'385)), tls_errc::content_oversize,
                 tls_alert::record_overflow);
}

TEST_P(Tls12Records, EndsAFloodOfRecordsWithoutData) {
  const auto flood = [&](auto&& one) {
    records_end end = fresh();
    for (int i = 0; i != 32; ++i)
      end.receive(one());
    EXPECT_FALSE(end.error);
    expect_refused(end, one(), tls_errc::records_without_data, tls_alert::unexpected_message);
  };
  flood([&] { return record(data_type, ""); });
  flood([&] { return alert_record(1, 90); });
  flood([&] { return record(handshake_type, "\x01"); });
}

TEST_P(Tls12Records, KnowsTheEndAndItsWarnings) {
  records_end end = fresh();
  end.receive(alert_record(1, 100));
  end.receive(record(data_type, "on"));
  end.receive(alert_record(1, 0));
  EXPECT_EQ(end.take_text(), "on");
  EXPECT_EQ(end.events.back(), tls_event::close_notify);
  EXPECT_TRUE(end.records.is_read_closed());
  records_end fatal = fresh();
  fatal.receive(alert_record(2, 40));
  EXPECT_EQ(fatal.errc(), tls_errc::alert_received);
  EXPECT_EQ(fatal.records.client_alert(), 40);
  records_end canceled = fresh();
  canceled.receive(alert_record(2, 90));  // a fatal one ends everything, whatever it says
  EXPECT_EQ(canceled.errc(), tls_errc::alert_received);
  records_end odd = fresh();
  expect_refused(odd, record(alert_type, "\x01"), tls_errc::message_length,
                 tls_alert::decode_error);
}

TEST_P(Tls12Records, TellsOfAHelloOnceAndRefusesOtherMessages) {
  records_end end = fresh();
  end.receive(record(handshake_type, std::string("\x01\0\0\x08", 4)));
  end.receive(record(handshake_type, "the rest"));
  end.receive(record(data_type, "on"));
  EXPECT_EQ(end.events, (std::vector{tls_event::hello, tls_event::nothing, tls_event::plaintext}));
  end.receive(record(handshake_type, "\x01"));
  EXPECT_EQ(end.events.back(), tls_event::hello);
  records_end finished = fresh();
  expect_refused(finished, record(handshake_type, "\x14"), tls_errc::message_unexpected,
                 tls_alert::unexpected_message);
  records_end empty = fresh();
  expect_refused(empty, record(handshake_type, ""), tls_errc::message_empty,
                 tls_alert::unexpected_message);
}

TEST_P(Tls12Records, SaysNoRenegotiationAndGoesOn) {
  records_end end = fresh();
  end.alert(tls_alert::no_renegotiation);
  EXPECT_FALSE(end.records.is_write_closed());
  end.alert(tls_alert::close_notify);
  EXPECT_TRUE(end.records.is_write_closed());
}

TEST_P(Tls12Records, HasNoKeyUpdate) {
  records_end end({suite, read_secret, write_secret, 1, tls_limits::records_per_key_max}, crypto);
  EXPECT_EQ(end.seal("x").size(), 1 + tls_overhead_bytes(suite));
  byte_string room(100);
  EXPECT_EQ(end.records.seal_key_update(false, room, crypto).error(), tls_errc::suite_unsupported);
}

TEST_P(Tls12Records, UsesNoNumberTwice) {
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max() - 1;
  records_end end({suite, read_secret, write_secret, 1, last}, crypto);
  end.seal("x");
  byte_string room(100);
  EXPECT_EQ(end.records.seal(bytes_of("x"), room, crypto).error(), tls_errc::crypto_failed);
  EXPECT_TRUE(end.records.is_write_closed());
}

TEST_P(Tls12Records, GoesOnInAnotherPlace) {
  records_end end = fresh();
  end.receive(record(data_type, "one"));
  tls_record_state state = end.records.release();
  records_end other(tls_records::adopt(state).value(), crypto);
  other.receive(record(data_type, "two"));
  EXPECT_EQ(other.take_text(), "two");
  state.suite = 0x14;
  EXPECT_EQ(tls_records::adopt(state).error(), tls_errc::state_invalid);
}

TEST_P(Tls12Records, RefusesASecretOfAnotherLength) {
  const byte_string shorter(secret_bytes(suite) - 1);
  EXPECT_EQ(tls_records::start({suite, shorter, write_secret}, crypto).error(),
            tls_errc::suite_unsupported);
}

}  // namespace
}  // namespace presenter::testing
