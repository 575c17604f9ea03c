// Detached records against OpenSSL's: a handshake between OpenSSL's client and server, then one of
// them is taken away and its records go on without it. Every suite, in either place.
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <algorithm>
#include <memory>
#include <random>

#include "tests/support/tls_pair.hpp"
#include "tests/unit/gateway/tls/records/tls_records_end.hpp"

namespace presenter::gateway {
namespace {

using namespace presenter::testing;

enum class place { server, client };

struct TlsRecordsInterop : ::testing::TestWithParam<std::tuple<tls_suite, place>> {
  TlsRecordsInterop() : pair(std::get<0>(GetParam()), 2) {
    const bool is_server = std::get<1>(GetParam()) == place::server;
    peer = is_server ? &pair.client : &pair.server;
    ours =
        std::make_unique<records_end>(is_server ? pair.server_side() : pair.client_side(), crypto);
  }

  // Something from each side to the other.
  void talk(std::string_view text) {
    peer->give(ours->seal(text));
    EXPECT_EQ(peer->read(), text);
    peer->write(text);
    ours->receive(peer->take());
    EXPECT_EQ(ours->take_text(), text);
    EXPECT_FALSE(ours->error);
  }

  tls_pair pair;
  tls_record_crypto crypto;
  ssl_end* peer;
  std::unique_ptr<records_end> ours;
};

std::string name_of_case(const ::testing::TestParamInfo<TlsRecordsInterop::ParamType>& info) {
  const bool is_server = std::get<1>(info.param) == place::server;
  return presenter::testing::name_of(std::get<0>(info.param)) + (is_server ? "Server" : "Client");
}

INSTANTIATE_TEST_SUITE_P(, TlsRecordsInterop,
                         ::testing::Combine(::testing::ValuesIn(all_suites),
                                            ::testing::Values(place::server, place::client)),
                         name_of_case);

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text)
    c = static_cast<char>(random());
  return text;
}

TEST_P(TlsRecordsInterop, CarriesDataOfAllSizesBothWays) {
  for (const std::size_t size : {1, 2, 15, 16, 17, 128, 16'383, 16'384, 16'385, 100'000})
    talk(random_text(size, static_cast<unsigned>(size)));
}

TEST_P(TlsRecordsInterop, CarriesManyRecords) {
  for (unsigned i = 0; i != 500; ++i)
    talk("message " + std::to_string(i));
}

TEST_P(TlsRecordsInterop, SaysHowMuchIsMissingAtEveryByte) {
  peer->write("hello");
  peer->write(random_text(300, 1));
  const byte_string bytes = peer->take();
  std::size_t expected_events = 0;
  for (const std::byte byte : bytes) {
    const std::size_t before = ours->wanted;
    ours->receive({byte});
    ASSERT_FALSE(ours->error);
    // The record ends, or its header; or one byte less is missing.
    if (ours->input.empty()) {
      ++expected_events;
    } else if (ours->input.size() == 1) {
      EXPECT_EQ(ours->wanted, 4U);
    } else if (ours->input.size() != 5) {
      EXPECT_EQ(ours->wanted, before - 1);
    }
    EXPECT_EQ(ours->events.size(), expected_events);
  }
  EXPECT_EQ(expected_events, 2U);
  EXPECT_EQ(ours->take_text(), "hello" + random_text(300, 1));
}

TEST_P(TlsRecordsInterop, OpensPaddedRecords) {
  SSL_set_block_padding(peer->ssl(), 512);
  for (const std::size_t size : {1, 511, 512, 513, 16'384})
    talk(random_text(size, 2));
}

TEST_P(TlsRecordsInterop, FollowsTheKeysOfThePeer) {
  talk("before");
  for (int i = 0; i != 3; ++i) {
    peer->write("old keys");
    peer->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
    peer->write("new keys");
    ours->receive(peer->take());
    EXPECT_EQ(ours->take_text(), "old keysnew keys");
    const std::size_t one_record = ours->records.sealed_bytes(4);
    EXPECT_EQ(one_record, 4 + tls13_overhead_bytes);  // no answer is due
    talk("after");
  }
}

TEST_P(TlsRecordsInterop, AnswersOneRequestOrManyWithOneKeyUpdate) {
  peer->key_update(SSL_KEY_UPDATE_REQUESTED);
  peer->key_update(SSL_KEY_UPDATE_REQUESTED);
  ours->receive(peer->take());
  EXPECT_EQ(ours->events, (std::vector{tls_event::key_update, tls_event::key_update}));
  EXPECT_EQ(ours->records.sealed_bytes(4),
            4 + tls13_overhead_bytes + tls_records::key_update_bytes);
  talk("with new keys in both directions");
  EXPECT_EQ(ours->records.sealed_bytes(4), 4 + tls13_overhead_bytes);
  talk("still");
}

TEST_P(TlsRecordsInterop, ChangesItsOwnKeys) {
  for (const bool request : {false, true, true, false}) {
    peer->give(ours->seal("old keys"));
    peer->give(ours->key_update(request));
    peer->give(ours->seal("new keys"));
    EXPECT_EQ(peer->read(), "old keysnew keys");
    talk("after");  // an answer comes before the peer's data
  }
  EXPECT_EQ(std::ranges::count(ours->events, tls_event::key_update), 2);
}

TEST_P(TlsRecordsInterop, ClosesItsDirectionAndGoesOnReading) {
  talk("before");
  peer->give(ours->alert(tls_alert::close_notify));
  EXPECT_EQ(peer->read(), "");
  EXPECT_EQ(peer->read_error(), SSL_ERROR_ZERO_RETURN);
  EXPECT_TRUE(ours->records.is_write_closed());
  peer->write("last words");
  peer->finish();
  ours->receive(peer->take());
  EXPECT_EQ(ours->take_text(), "last words");
  EXPECT_EQ(ours->events.back(), tls_event::close_notify);
  EXPECT_TRUE(ours->records.is_read_closed());
}

TEST_P(TlsRecordsInterop, TakesTheEndOfThePeerAndGoesOnWriting) {
  peer->finish();
  ours->receive(peer->take());
  EXPECT_EQ(ours->events.back(), tls_event::close_notify);
  peer->give(ours->seal("an answer"));
  peer->give(ours->alert(tls_alert::close_notify));
  EXPECT_EQ(peer->read(), "an answer");
  EXPECT_TRUE(peer->has_close_notify());
}

TEST_P(TlsRecordsInterop, SendsAlertsThatThePeerUnderstands) {
  peer->give(ours->alert(tls_alert::bad_record_mac));
  EXPECT_EQ(peer->read(), "");
  EXPECT_EQ(peer->read_error(), SSL_ERROR_SSL);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
  ERR_clear_error();
}

TEST_P(TlsRecordsInterop, GoesOnInAnotherProcess) {
  talk("before");
  peer->key_update(SSL_KEY_UPDATE_REQUESTED);
  ours->receive(peer->take());
  const tls_record_state state = ours->records.release();
  tls_record_crypto other_crypto;
  ours = std::make_unique<records_end>(tls_records::adopt(state).value(), other_crypto);
  talk("after");  // the answer that is due is not forgotten
  EXPECT_EQ(peer->read_error(), SSL_ERROR_WANT_READ);
}

// Clients of a worker share its cipher contexts.
TEST(TlsRecordsShared, ManyClientsOfAllSuitesTakeTurns) {
  tls_record_crypto crypto;
  std::vector<std::unique_ptr<tls_pair>> pairs;
  std::vector<std::unique_ptr<records_end>> ends;
  for (int i = 0; i != 4; ++i) {
    for (const tls_suite suite : all_suites) {
      pairs.push_back(std::make_unique<tls_pair>(suite));
      ends.push_back(std::make_unique<records_end>(pairs.back()->server_side(), crypto));
    }
  }
  for (int round = 0; round != 5; ++round) {
    for (std::size_t i = 0; i != ends.size(); ++i) {
      const std::string text = "to " + std::to_string(i);
      pairs[i]->client.write(text);
      ends[i]->receive(pairs[i]->client.take());
      EXPECT_EQ(ends[i]->take_text(), text);
      pairs[i]->client.give(ends[i]->seal(text));
    }
    for (std::size_t i = 0; i != ends.size(); ++i)
      EXPECT_EQ(pairs[i]->client.read(), "to " + std::to_string(i));
    ends[3]->records.close(crypto);
    ends.erase(ends.begin() + 3);
    pairs.erase(pairs.begin() + 3);
  }
}

}  // namespace
}  // namespace presenter::gateway
