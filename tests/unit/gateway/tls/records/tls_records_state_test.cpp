// The state itself: limits of a key, moving, handing over, wiping; and what our own side can do
// wrong.
#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

struct TlsRecordsState : ::testing::TestWithParam<tls_suite> {
  const tls_suite suite = GetParam();
  const byte_string up = made_secret(suite, 1);
  const byte_string down = made_secret(suite, 101);
  tls_record_crypto crypto;

  tls_records start(std::uint64_t received = 0, std::uint64_t sent = 0) {
    return tls_records::start({suite, up, down, received, sent}, crypto).value();
  }
  // The other end of start(received, sent).
  tls_records peer(std::uint64_t received = 0, std::uint64_t sent = 0) {
    return tls_records::start({suite, down, up, sent, received}, crypto).value();
  }
};

INSTANTIATE_TEST_SUITE_P(, TlsRecordsState, ::testing::ValuesIn(all_suites),
                         [](const auto& info) { return presenter::testing::name_of(info.param); });

// --- the limits of a key

TEST_P(TlsRecordsState, ChangesItsKeyBeforeTheLimitInTheMiddleOfData) {
  const std::uint64_t begin = tls_limits::records_per_key_max - 3;
  records_end ours(start(0, begin), crypto);
  records_end other(peer(0, begin), crypto);
  // Two records, KeyUpdate, three records.
  const std::string text(5 * tls_limits::content_bytes_max, 'x');
  const byte_string sealed = ours.seal(text);
  EXPECT_EQ(sealed.size(), text.size() + 5 * tls13_overhead_bytes + tls_records::key_update_bytes);
  other.receive(sealed);
  EXPECT_FALSE(other.error);
  EXPECT_EQ(other.take_text(), text);
  EXPECT_EQ(other.events,
            (std::vector{tls_event::plaintext, tls_event::plaintext, tls_event::key_update,
                         tls_event::plaintext, tls_event::plaintext, tls_event::plaintext}));
  EXPECT_EQ(other.seal("y").size(), 1 + tls13_overhead_bytes);  // it asked for no answer
}

TEST_P(TlsRecordsState, ChangesItsKeyAtOnceIfHandedOverAtTheLimit) {
  records_end ours(start(0, tls_limits::records_per_key_max - 1), crypto);
  EXPECT_EQ(ours.seal("x").size(), 1 + tls13_overhead_bytes + tls_records::key_update_bytes);
  records_end beyond(start(0, std::numeric_limits<std::uint64_t>::max()), crypto);
  EXPECT_EQ(beyond.records.sealed_bytes(1),
            1 + tls13_overhead_bytes + tls_records::key_update_bytes);
}

TEST_P(TlsRecordsState, OneAnswerServesTheLimitToo) {
  records_end ours(start(0, tls_limits::records_per_key_max - 1), crypto);
  record_forge forge(suite, up);
  ours.receive(forge.record(handshake, key_update_message(1)));
  EXPECT_EQ(ours.seal("x").size(), 1 + tls13_overhead_bytes + tls_records::key_update_bytes);
}

TEST_P(TlsRecordsState, CountsTheUpdatesOfAnyAmountOfData) {
  const tls_records ours = start();
  constexpr std::size_t per_key = (1 << 24) - 1;
  const auto expected = [](std::size_t records, std::size_t updates) {
    return records * (tls_limits::content_bytes_max + tls13_overhead_bytes) +
           updates * tls_records::key_update_bytes;
  };
  for (const auto& [records, updates] : {std::pair<std::size_t, std::size_t>{1, 0},
                                         {per_key, 0},
                                         {per_key + 1, 1},
                                         {2 * per_key, 1},
                                         {2 * per_key + 1, 2}})
    EXPECT_EQ(ours.sealed_bytes(records * tls_limits::content_bytes_max),
              expected(records, updates));
}

TEST_P(TlsRecordsState, NeverWrapsTheSequenceOfTheClient) {
  records_end ours(start(std::numeric_limits<std::uint64_t>::max() - 1), crypto);
  record_forge forge(suite, up);
  forge.sequence = std::numeric_limits<std::uint64_t>::max() - 1;
  ours.receive(forge.record(data, "last"));
  EXPECT_EQ(ours.take_text(), "last");
  ours.receive(forge.record(data, "too many"));
  EXPECT_EQ(ours.error, tls_errc::sequence_exhausted);
  EXPECT_EQ(alert_of(ours.errc()), tls_alert::internal_error);
}

// --- what our own side can do wrong

TEST_P(TlsRecordsState, KeepsToTheFragmentLengthThatWasAgreedOn) {
  for (std::uint8_t code = 1; code <= tls_limits::fragment_code_max; ++code) {
    const std::size_t most = std::size_t{1} << (8 + code);
    records_end ours(tls_detached{suite, up, down, 0, 0, code}, crypto);
    // In whichever process it goes on.
    const tls_record_state state = ours.records.release();
    ours.records = tls_records::adopt(state).value();
    records_end other(peer(), crypto);
    const std::string text(2 * most + 1, 'x');
    const byte_string sealed = ours.seal(text);
    EXPECT_EQ(sealed.size(), text.size() + 3 * tls13_overhead_bytes);
    EXPECT_EQ(
        std::to_integer<std::size_t>(sealed[3]) << 8 | std::to_integer<std::size_t>(sealed[4]),
        most + 1 + 16);
    other.receive(sealed);
    EXPECT_EQ(other.take_text(), text);
  }
  EXPECT_EQ(tls_records::start({suite, up, down, 0, 0, 5}, crypto).error(),
            tls_errc::state_invalid);
}

TEST_P(TlsRecordsState, ForgivesNoMoreThanThereIs) {
  records_end ours(start(), crypto);
  record_forge forge(suite, up);
  ours.receive(forge.record(data, ""));
  ours.records.forgive(1'000);
  const tls_record_state state = ours.records.release();
  EXPECT_EQ(state.without_data, 0);
}

TEST_P(TlsRecordsState, SealsNothingWithoutPlaintext) {
  tls_records ours = start();
  EXPECT_EQ(ours.sealed_bytes(0), 0U);
  EXPECT_EQ(ours.seal({}, {}, crypto).value(), 0U);
}

TEST_P(TlsRecordsState, SealsNothingWithoutRoom) {
  records_end ours(start(), crypto);
  const byte_string text = bytes_of("hello");
  byte_string out(ours.records.sealed_bytes(text.size()) - 1);
  EXPECT_EQ(ours.records.seal(text, out, crypto).error(), tls_errc::output_short);
  EXPECT_EQ(out, byte_string(out.size()));
  out.resize(tls13_overhead_bytes + 1);
  EXPECT_EQ(ours.records.seal_alert(tls_alert::close_notify, out, crypto).error(),
            tls_errc::output_short);
  EXPECT_EQ(ours.records.seal_key_update(false, out, crypto).error(), tls_errc::output_short);
  // And goes on as if nothing had been.
  records_end other(peer(), crypto);
  other.receive(ours.seal("hello"));
  EXPECT_EQ(other.take_text(), "hello");
}

TEST_P(TlsRecordsState, SealsNothingAfterItsOwnEnd) {
  for (const auto end : {tls_alert::close_notify, tls_alert::bad_record_mac}) {
    records_end ours(start(), crypto);
    ours.alert(end);
    EXPECT_TRUE(ours.records.is_write_closed());
    byte_string out(100);
    const byte_string text = bytes_of("late");
    EXPECT_EQ(ours.records.seal(text, out, crypto).error(), tls_errc::write_closed);
    EXPECT_EQ(ours.records.seal_key_update(false, out, crypto).error(), tls_errc::write_closed);
    EXPECT_EQ(ours.records.seal_alert(tls_alert::internal_error, out, crypto).error(),
              tls_errc::write_closed);
    EXPECT_EQ(out, byte_string(out.size()));
  }
}

TEST_P(TlsRecordsState, GoesOnAfterItsOwnUserCanceled) {
  records_end ours(start(), crypto);
  records_end other(peer(), crypto);
  other.receive(
      joined({ours.alert(tls_alert::user_canceled), ours.alert(tls_alert::close_notify)}));
  EXPECT_EQ(other.events, (std::vector{tls_event::nothing, tls_event::close_notify}));
}

TEST_P(TlsRecordsState, StartsOnlyWithSecretsOfTheSuite) {
  const byte_string wrong(hash_bytes(suite) == 32 ? 48 : 32);
  EXPECT_EQ(tls_records::start({suite, wrong, down, 0, 0}, crypto).error(),
            tls_errc::suite_unsupported);
  EXPECT_EQ(tls_records::start({suite, up, wrong, 0, 0}, crypto).error(),
            tls_errc::suite_unsupported);
  EXPECT_EQ(tls_records::start({suite, up, {}, 0, 0}, crypto).error(), tls_errc::suite_unsupported);
}

// --- moving, handing over, wiping

TEST_P(TlsRecordsState, LeavesNoBytesBehindWhereverItWas) {
  // Bytes of the storage, for the objects may be gone.
  struct place {
    alignas(tls_records) std::byte storage[sizeof(tls_records)];
    bool is_clean() const { return is_wiped(storage, sizeof storage); }
  };
  place first{};
  place second{};
  place third{};
  auto* const a = new (first.storage) tls_records(start());
  EXPECT_FALSE(first.is_clean());
  auto* const b = new (second.storage) tls_records(std::move(*a));
  EXPECT_TRUE(first.is_clean());
  EXPECT_FALSE(second.is_clean());
  auto* const c = new (third.storage) tls_records;
  *c = std::move(*b);
  EXPECT_TRUE(second.is_clean());
  EXPECT_FALSE(third.is_clean());
  const tls_record_state released = c->release();
  EXPECT_TRUE(third.is_clean());
  EXPECT_FALSE(is_wiped(&released, sizeof released));
  *c = start();
  c->wipe();
  EXPECT_TRUE(third.is_clean());
  *c = start();
  c->~tls_records();
  EXPECT_TRUE(third.is_clean());
  a->~tls_records();
  b->~tls_records();
}

TEST_P(TlsRecordsState, ChangedKeysLeaveNothingOfTheOldOnes) {
  records_end ours(start(), crypto);
  ours.key_update(false);
  record_forge forge(suite, up);
  ours.receive(forge.record(handshake, key_update_message(0)));
  const tls_record_state state = ours.records.release();
  const auto bytes = text_of(std::as_bytes(std::span(&state, 1)));
  for (const byte_string& old : {up, down})
    EXPECT_EQ(bytes.find(text_of(std::span(old).first(8))), bytes.npos);
}

TEST_P(TlsRecordsState, IsDeadAfterAWipe) {
  tls_records ours = start();
  ours.wipe();
  byte_string bytes(100);
  EXPECT_EQ(ours.open(bytes, crypto).error(), tls_errc::state_invalid);
  EXPECT_EQ(ours.seal(bytes, bytes, crypto).error(), tls_errc::state_invalid);
  EXPECT_EQ(ours.seal_alert(tls_alert::close_notify, bytes, crypto).error(),
            tls_errc::state_invalid);
  EXPECT_EQ(alert_of(tls_errc::state_invalid), std::nullopt);
}

TEST_P(TlsRecordsState, IsHandedOverInTheMiddleOfAnything) {
  records_end ours(start(), crypto);
  records_end other(peer(), crypto);
  const byte_string update = key_update_message(1);
  record_forge forge(suite, up);
  ours.receive(forge.record(data, "1"));
  ours.receive(forge.record(handshake, std::span(update).first(3)));
  tls_record_state state = ours.records.release();
  tls_record_crypto crypto_there;
  records_end there(tls_records::adopt(state).value(), crypto_there);
  state.wipe();
  EXPECT_TRUE(is_wiped(&state, sizeof state));
  there.receive(forge.record(handshake, std::span(update).subspan(3)));
  EXPECT_EQ(there.events, std::vector{tls_event::key_update});
  state = there.records.release();
  records_end last(tls_records::adopt(state).value(), crypto);
  other.receive(last.seal("answered"));
  EXPECT_EQ(other.events, (std::vector{tls_event::key_update, tls_event::plaintext}));
}

TEST_P(TlsRecordsState, AdoptsNothingItDoesNotUnderstand) {
  const tls_record_state good = start().release();
  EXPECT_TRUE(tls_records::adopt(good).has_value());
  const auto with = [&](auto change) {
    tls_record_state bad = good;
    change(bad);
    return tls_records::adopt(bad).error();
  };
  const boost::system::error_code refused = tls_errc::state_invalid;
  EXPECT_EQ(with([](tls_record_state& state) { state.version = 0; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.version = 2; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.suite = 0; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.suite = 4; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.flags = 8; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.message_bytes = 5; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.without_data = 33; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.failure = 255; }), refused);
  EXPECT_EQ(with([](tls_record_state& state) { state.fragment = 5; }), refused);
}

// --- errors

TEST(TlsErrc, NamesItselfAndItsAlert) {
  EXPECT_EQ(make_error_code(tls_errc::record_forged).message(), "TLS record does not authenticate");
  EXPECT_STREQ(tls_error_category().name(), "presenter.tls");
  EXPECT_EQ(name_of(tls_errc::record_oversize), "record_oversize");
  EXPECT_EQ(alert_of(tls_errc::record_oversize), tls_alert::record_overflow);
  for (int code = 1; code <= static_cast<int>(tls_errc::state_invalid); ++code)
    EXPECT_NE(name_of(static_cast<tls_errc>(code)), "unknown") << code;
}

}  // namespace
}  // namespace presenter::gateway
