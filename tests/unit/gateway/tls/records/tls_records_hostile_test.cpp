// What a hostile or broken client can send after its handshake, and the alert that RFC 8446 names
// for each: records sealed with the right keys and wrong in every other way.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

struct TlsRecordsHostile : ::testing::TestWithParam<tls_suite> {
  TlsRecordsHostile() { renew(); }

  void renew() {
    const byte_string read = made_secret(GetParam(), 1);
    const byte_string write = made_secret(GetParam(), 101);
    forge = std::make_unique<record_forge>(GetParam(), read);
    ours = std::make_unique<records_end>(tls_detached{GetParam(), read, write, 0, 0, fragment},
                                         crypto);
  }

  // They end the client with this error and this alert, whole or byte by byte, and no more comes of
  // anything that follows.
  void expect_error(const byte_string& records, tls_errc error, std::optional<tls_alert> alert) {
    const tls_record_state before = ours->records.release();
    for (const bool in_pieces : {false, true}) {
      records_end end(tls_records::adopt(before).value(), crypto);
      if (in_pieces) {
        for (const std::byte byte : records)
          if (!end.error) end.receive({byte});
      } else {
        end.receive(records);
      }
      EXPECT_EQ(end.error, error) << end.error.message();
      EXPECT_EQ(alert_of(end.errc()), alert);
      const auto again = end.records.open(end.input, crypto);
      EXPECT_EQ(again.error(), error);
      const std::size_t events = end.events.size();
      end.receive(forge->record(data, "more"));
      EXPECT_EQ(end.error, error);
      EXPECT_EQ(end.events.size(), events);
    }
    renew();
  }
  void expect_unexpected(const byte_string& records, tls_errc error) {
    expect_error(records, error, tls_alert::unexpected_message);
  }

  std::uint8_t fragment = 0;
  tls_record_crypto crypto;
  std::unique_ptr<record_forge> forge;
  std::unique_ptr<records_end> ours;
};

INSTANTIATE_TEST_SUITE_P(, TlsRecordsHostile, ::testing::ValuesIn(all_suites),
                         [](const auto& info) { return presenter::testing::name_of(info.param); });

constexpr std::size_t content_max = 16'384;

// --- the record

TEST_P(TlsRecordsHostile, RefusesAHeaderBeforeItsBodyIsThere) {
  expect_error(bytes_of({23, 3, 3, 0x41, 0x01}), tls_errc::record_oversize,
               tls_alert::record_overflow);
  expect_error(bytes_of({23, 3, 3, 0xff, 0xff}), tls_errc::record_oversize,
               tls_alert::record_overflow);
  expect_error(bytes_of({23, 3, 3, 0, 15}), tls_errc::record_forged, tls_alert::bad_record_mac);
  expect_error(bytes_of({23, 3, 3, 0, 0}), tls_errc::record_forged, tls_alert::bad_record_mac);
  ours->receive(bytes_of({23, 3, 3, 0x41, 0x00}));
  EXPECT_FALSE(ours->error);
  EXPECT_EQ(ours->wanted, 16'640U);
}

TEST_P(TlsRecordsHostile, TakesNoRecordInTheClear) {
  expect_unexpected(bytes_of({change_cipher_spec, 3, 3, 0, 1, 1}), tls_errc::record_type_invalid);
  expect_unexpected(bytes_of({alert, 3, 3, 0, 2, 1, 0}), tls_errc::record_type_invalid);
  expect_unexpected(bytes_of({handshake, 3, 3, 0, 4, 24, 0, 0, 1}), tls_errc::record_type_invalid);
  expect_unexpected(bytes_of("GET / HTTP/1.1"), tls_errc::record_type_invalid);
  expect_unexpected(bytes_of({0, 0, 0, 0, 0}), tls_errc::record_type_invalid);
}

TEST_P(TlsRecordsHostile, TakesNoOuterTypeButApplicationData) {
  forge->header[0] = handshake;
  expect_unexpected(forge->record(data, "sealed well"), tls_errc::record_type_invalid);
}

TEST_P(TlsRecordsHostile, IgnoresTheVersionOfTheRecord) {
  forge->header = {data, 3, 1};
  ours->receive(forge->record(data, "TLS 1.0?"));
  EXPECT_EQ(ours->take_text(), "TLS 1.0?");
}

TEST_P(TlsRecordsHostile, NoticesEveryAlteredByte) {
  const byte_string good = forge->record(data, "twelve bytes");
  for (std::size_t i = 0; i != good.size(); ++i) {
    if (i == 0 || i == 3 || i == 4) continue;  // type and length: other errors
    byte_string bad = good;
    bad[i] ^= std::byte{1};
    const tls_record_state before = ours->records.release();
    records_end end(tls_records::adopt(before).value(), crypto);
    end.receive(bad);
    EXPECT_EQ(end.error, tls_errc::record_forged) << i;
    EXPECT_TRUE(end.text.empty());
    ours->records = tls_records::adopt(before).value();
  }
}

TEST_P(TlsRecordsHostile, NoticesACutOrStretchedRecord) {
  byte_string cut = forge->record(data, "hello");
  cut.pop_back();
  cut[4] ^= std::byte{22} ^ std::byte{21};
  expect_error(cut, tls_errc::record_forged, tls_alert::bad_record_mac);
  byte_string stretched = joined({forge->record(data, "hello"), bytes_of({0})});
  stretched[4] ^= std::byte{22} ^ std::byte{23};
  expect_error(stretched, tls_errc::record_forged, tls_alert::bad_record_mac);
}

TEST_P(TlsRecordsHostile, NoticesReplayedReorderedAndMissingRecords) {
  const byte_string first = forge->record(data, "1");
  const byte_string second = forge->record(data, "2");
  const byte_string third = forge->record(data, "3");
  expect_error(joined({first, first}), tls_errc::record_forged, tls_alert::bad_record_mac);
  expect_error(joined({second, first}), tls_errc::record_forged, tls_alert::bad_record_mac);
  expect_error(joined({first, third}), tls_errc::record_forged, tls_alert::bad_record_mac);
  ours->receive(joined({first, second, third}));
  EXPECT_EQ(ours->take_text(), "123");
}

TEST_P(TlsRecordsHostile, NoticesTheKeysOfTheOtherDirection) {
  record_forge mirror(GetParam(), made_secret(GetParam(), 101));
  expect_error(mirror.record(data, "from yourself"), tls_errc::record_forged,
               tls_alert::bad_record_mac);
}

// --- its content

TEST_P(TlsRecordsHostile, TakesTheLargestContentAndNoMore) {
  const std::string largest(content_max, 'x');
  ours->receive(forge->record(data, largest));
  EXPECT_EQ(ours->take_text(), largest);
  ours->receive(forge->record(data, "x", content_max - 1));
  EXPECT_EQ(ours->take_text(), "x");
  renew();
  expect_error(forge->record(data, largest + "x"), tls_errc::content_oversize,
               tls_alert::record_overflow);
  expect_error(forge->record(data, largest, 1), tls_errc::content_oversize,
               tls_alert::record_overflow);
  expect_error(forge->seal(byte_string(content_max + 240)), tls_errc::content_oversize,
               tls_alert::record_overflow);
}

// RFC 6066 §4: of the content; a client may pad behind it.
TEST_P(TlsRecordsHostile, HoldsTheClientToTheFragmentLengthThatWasAgreedOn) {
  for (std::uint8_t code = 1; code <= tls_limits::fragment_code_max; ++code) {
    const std::size_t most = std::size_t{1} << (8 + code);
    fragment = code;
    renew();
    ours->receive(forge->record(data, std::string(most, 'x')));
    ours->receive(forge->record(data, std::string(most, 'y'), 1'000));
    EXPECT_EQ(ours->take_text(), std::string(most, 'x') + std::string(most, 'y'));
    expect_error(forge->record(data, std::string(most + 1, 'x')), tls_errc::content_oversize,
                 tls_alert::record_overflow);
  }
}

TEST_P(TlsRecordsHostile, TakesPaddingOff) {
  ours->receive(forge->record(data, "padded", 1'000));
  EXPECT_EQ(ours->take_text(), "padded");
  ours->receive(forge->record(data, bytes_of({1, 0, 0}), 3));  // zeros of the data stay
  EXPECT_EQ(ours->take_text(), std::string("\1\0\0", 3));
  ours->receive(forge->record(alert, alert_message(1, 0), 100));
  EXPECT_EQ(ours->events.back(), tls_event::close_notify);
}

TEST_P(TlsRecordsHostile, RefusesContentWithoutAType) {
  expect_unexpected(forge->seal({}), tls_errc::content_untyped);
  expect_unexpected(forge->seal(byte_string(1)), tls_errc::content_untyped);
  expect_unexpected(forge->seal(byte_string(content_max + 1)), tls_errc::content_untyped);
}

TEST_P(TlsRecordsHostile, RefusesContentOfAnotherType) {
  for (const int type : {1, int{change_cipher_spec}, 24, 25, 255})
    expect_unexpected(forge->record(type, bytes_of({1})), tls_errc::content_type_invalid);
}

TEST_P(TlsRecordsHostile, TakesEmptyDataButNotForEver) {
  byte_string records;
  for (int i = 0; i != 32; ++i)
    records = joined({records, forge->record(data, "", 10)});
  ours->receive(records);
  EXPECT_FALSE(ours->error);
  ours->receive(forge->record(data, "x"));
  ours->receive(forge->record(data, ""));
  EXPECT_EQ(ours->take_text(), "x");
  EXPECT_FALSE(ours->error);
  for (int i = 0; i != 31; ++i)
    ours->receive(forge->record(data, ""));
  EXPECT_FALSE(ours->error);
  expect_unexpected(forge->record(data, ""), tls_errc::records_without_data);
}

// --- alerts

TEST_P(TlsRecordsHostile, EndsWithAnErrorAlertOfWhateverLevel) {
  for (const int level : {1, 2, 77}) {
    for (const int description : {10, 20, 80, 255}) {
      const byte_string record = forge->record(alert, alert_message(level, description));
      ours->receive(record);
      EXPECT_EQ(ours->error, tls_errc::alert_received);
      EXPECT_EQ(ours->records.client_alert(), description);
      EXPECT_EQ(alert_of(ours->errc()), std::nullopt);
      EXPECT_TRUE(ours->records.is_write_closed()) << "nothing is answered";
      renew();
    }
  }
}

TEST_P(TlsRecordsHostile, TakesCloseNotifyOfWhateverLevelAndIgnoresWhatFollows) {
  for (const int level : {1, 2, 0}) {
    ours->receive(forge->record(alert, alert_message(level, 0)));
    EXPECT_EQ(ours->events, std::vector{tls_event::close_notify});
    ours->receive(joined({forge->record(data, "late"), bytes_of("and this is no record")}));
    EXPECT_EQ(ours->events, (std::vector{tls_event::close_notify, tls_event::nothing}));
    EXPECT_TRUE(ours->text.empty());
    EXPECT_TRUE(ours->input.empty());
    EXPECT_FALSE(ours->error);
    renew();
  }
}

TEST_P(TlsRecordsHostile, TakesCloseNotifyAfterAsManyEmptyRecordsAsAllowed) {
  for (int i = 0; i != 32; ++i)
    ours->receive(forge->record(alert, alert_message(1, 90)));
  ours->receive(forge->record(alert, alert_message(1, 0)));
  EXPECT_EQ(ours->events.back(), tls_event::close_notify);
}

TEST_P(TlsRecordsHostile, GoesOnAfterUserCanceledButNotForEver) {
  ours->receive(
      joined({forge->record(alert, alert_message(1, 90)), forge->record(data, "still here")}));
  EXPECT_EQ(ours->take_text(), "still here");
  for (int i = 0; i != 32; ++i)
    ours->receive(forge->record(alert, alert_message(1, 90)));
  EXPECT_FALSE(ours->error);
  expect_unexpected(forge->record(alert, alert_message(1, 90)), tls_errc::records_without_data);
}

TEST_P(TlsRecordsHostile, RefusesAlertsOfAnotherLength) {
  expect_unexpected(forge->record(alert, ""), tls_errc::message_empty);
  expect_unexpected(forge->record(alert, "", 20), tls_errc::message_empty);
  expect_error(forge->record(alert, bytes_of({1})), tls_errc::message_length,
               tls_alert::decode_error);
  expect_error(forge->record(alert, bytes_of({1, 0, 1, 0})), tls_errc::message_length,
               tls_alert::decode_error);
}

// --- handshake messages

TEST_P(TlsRecordsHostile, TakesNoMessageButKeyUpdate) {
  for (const int type : {0, 1, 2, 4, 5, 8, 11, 13, 15, 20, 254, 255})
    expect_unexpected(forge->record(handshake, bytes_of({type, 0, 0, 0})),
                      tls_errc::message_unexpected);
  expect_unexpected(forge->record(handshake, bytes_of({4})), tls_errc::message_unexpected);
  expect_unexpected(forge->record(handshake, ""), tls_errc::message_empty);
}

TEST_P(TlsRecordsHostile, TakesAKeyUpdateInFragments) {
  const byte_string message = key_update_message(1);
  byte_string records;
  for (const std::byte& byte : message)
    records = joined({records, forge->record(handshake, std::span(&byte, 1), 7)});
  forge->advance();
  ours->receive(joined({records, forge->record(data, "new keys")}));
  EXPECT_EQ(ours->take_text(), "new keys");
  EXPECT_EQ(std::ranges::count(ours->events, tls_event::key_update), 1);
  EXPECT_FALSE(ours->error);
}

TEST_P(TlsRecordsHostile, RefusesAnotherRecordBetweenFragments) {
  const byte_string begun = forge->record(handshake, bytes_of({24, 0}));
  const std::uint64_t second = forge->sequence;
  const auto then = [&](int type, const byte_string& content) {
    forge->sequence = second;
    return joined({begun, forge->record(type, content)});
  };
  const byte_string with_data = then(data, bytes_of("x"));
  const byte_string with_empty_data = then(data, {});
  const byte_string with_close = then(alert, alert_message(1, 0));
  const byte_string with_empty = then(handshake, {});
  expect_unexpected(with_data, tls_errc::message_interleaved);
  expect_unexpected(with_empty_data, tls_errc::message_interleaved);
  expect_unexpected(with_close, tls_errc::message_interleaved);
  expect_unexpected(with_empty, tls_errc::message_empty);
}

TEST_P(TlsRecordsHostile, RefusesAKeyUpdateOfAnotherLength) {
  for (const int length : {0, 2, 255})
    expect_error(forge->record(handshake, bytes_of({24, 0, 0, length})), tls_errc::message_length,
                 tls_alert::decode_error);
  expect_error(forge->record(handshake, bytes_of({24, 1, 0, 1, 0})), tls_errc::message_length,
               tls_alert::decode_error);
}

TEST_P(TlsRecordsHostile, RefusesAKeyUpdateOfAnotherRequest) {
  for (const int request : {2, 255})
    expect_error(forge->record(handshake, key_update_message(request)),
                 tls_errc::key_update_invalid, tls_alert::illegal_parameter);
}

TEST_P(TlsRecordsHostile, RefusesWhatStandsBehindAKeyUpdateInItsRecord) {
  expect_unexpected(
      forge->record(handshake, joined({key_update_message(0), key_update_message(0)})),
      tls_errc::message_misaligned);
  expect_unexpected(forge->record(handshake, joined({key_update_message(0), bytes_of({0})})),
                    tls_errc::message_misaligned);
}

TEST_P(TlsRecordsHostile, OldKeysEndWithTheKeyUpdate) {
  const byte_string update = forge->record(handshake, key_update_message(0));
  expect_error(joined({update, forge->record(data, "old keys")}), tls_errc::record_forged,
               tls_alert::bad_record_mac);
}

TEST_P(TlsRecordsHostile, BoundsKeyUpdatesInARow) {
  const auto update = [&] {
    byte_string record = forge->record(handshake, key_update_message(1));
    forge->advance();
    return record;
  };
  for (int i = 0; i != 32; ++i)
    ours->receive(update());
  EXPECT_FALSE(ours->error);
  ours->receive(forge->record(data, "x"));
  for (int i = 0; i != 32; ++i)
    ours->receive(update());
  EXPECT_FALSE(ours->error);
  ours->records.forgive(2);
  for (int i = 0; i != 2; ++i)
    ours->receive(update());
  EXPECT_FALSE(ours->error);
  // One answer for all of them.
  EXPECT_EQ(ours->seal("y").size(), 1 + tls13_overhead_bytes + tls_records::key_update_bytes);
  expect_unexpected(update(), tls_errc::records_without_data);
}

}  // namespace
}  // namespace presenter::gateway
