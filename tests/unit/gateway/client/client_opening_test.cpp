// One opening on its own: what comes to it is told by hand, and so is the time.
#include "gateway/client/client_opening.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>

namespace presenter::gateway {

// What a failed expectation prints.
void PrintTo(opening_step step, std::ostream* out) {
  constexpr const char* names[] = {"read",          "open",         "await_handshake",
                                   "await_answer",  "wait_for_map", "wait_for_change",
                                   "wait_for_time", "relay",        "answer"};
  *out << names[static_cast<std::size_t>(step)];
}

namespace {

using namespace std::chrono_literals;
using protocol::refuse_reason;

constexpr steady_time start{1h};
constexpr auto opening_timeout = 10s;

// authenticate(1: {1: "ab"}), strict binary, or a call of something else.
std::string call(const std::string& method = "authenticate") {
  const auto big_endian = [](std::size_t n) { return std::string(3, '\0') + static_cast<char>(n); };
  const std::string message = std::string("\x80\x01\x00\x01", 4) + big_endian(method.size()) +
                              method + big_endian(7) + std::string("\x0c\x00\x01\x0b\x00\x01", 6) +
                              big_endian(2) + "ab" + std::string(2, '\0');
  return big_endian(message.size()) + message;
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

protocol::refuse_frame refused(refuse_reason reason, std::optional<std::int64_t> epoch = {},
                               std::optional<std::int32_t> retry_after_ms = {}) {
  return {protocol::stream_id{1}, reason, epoch, retry_after_ms};
}

protocol::tls_facts facts_of(const std::string& server_name) {
  protocol::tls_facts facts;
  facts.server_name = server_name;
  return facts;
}

class ClientOpening : public ::testing::Test {
 protected:
  ClientOpening() {
    limits.address_unauthenticated_max = 1;
    limits.address_exempt.clear();
    addresses = std::make_unique<address_limits>(limits, 1);
    renew();
  }

  // Another client.
  void renew() {
    opening.reset();
    now = start;
    map_epoch = 10;
    opening.emplace(auth, opening_timeout, addresses->admit(address, now).claim);
  }

  // Never more at once than is asked for. The step that the last of them came to.
  opening_step feed(std::string_view bytes) {
    auto step = opening_step::read;
    for (auto wanted = opening->wanted(); !wanted.empty() && !bytes.empty();
         wanted = opening->wanted()) {
      EXPECT_EQ(step, opening_step::read);
      const std::size_t n = std::min(wanted.size(), bytes.size());
      std::memcpy(wanted.data(), bytes.data(), n);
      bytes.remove_prefix(n);
      step = opening->on_packet_bytes(n, now);
    }
    rest = bytes;
    return step;
  }

  opening_moment moment() { return {now, map_epoch, dice}; }
  opening_step shake() { return opening->on_handshake_ended(moment()); }
  opening_step refuse(const protocol::refuse_frame& refusal) {
    return opening->on_refused(refusal, moment());
  }
  opening_step lose() { return opening->on_lost(moment()); }
  opening_step wake() { return opening->on_woken(moment()); }
  // The time that was asked for has come.
  opening_step wait_until_due() {
    now = opening->deadline();
    return opening->on_deadline(moment());
  }

  // The backend has been given the packet, of a client that sent it early or not.
  void open_early() {
    ASSERT_EQ(feed(call()), opening_step::open);
    early = opening->open(map_epoch);
  }
  void open_late() {
    ASSERT_EQ(shake(), opening_step::read);
    ASSERT_EQ(feed(call()), opening_step::open);
    opening->open(map_epoch);
  }

  opening_step send_all() { return opening->on_packet_sent(opening->unsent().size()); }

  // Another client of its address would be let in: the claim has been given back.
  bool has_authenticated() {
    return addresses->admit(address, now).verdict == address_verdict::admitted;
  }

  const auth_config auth;
  limits_config limits;
  const boost::asio::ip::address address = boost::asio::ip::make_address("192.0.2.1");
  std::unique_ptr<address_limits> addresses;  // outlives the claim
  steady_time now = start;
  std::int64_t map_epoch = 10;
  open_retry::random dice{1};
  std::optional<client_opening> opening;
  protocol::open_frame early;
  std::string rest;  // what `feed` was not asked for
};

// --- the packet

TEST_F(ClientOpening, AfterTheHandshakeReadsThePacketAndOpensItsStream) {
  EXPECT_EQ(shake(), opening_step::read);
  const std::string packet = call();
  EXPECT_EQ(feed(packet.substr(0, 20)), opening_step::read);
  EXPECT_FALSE(has_authenticated());
  EXPECT_EQ(feed(packet.substr(20) + "behind"), opening_step::open);
  EXPECT_EQ(rest, "behind") << "what is behind the packet stays in the socket";
  EXPECT_TRUE(has_authenticated());
  EXPECT_EQ(opening->key(), "ab");
  EXPECT_EQ(text_of(opening->unsent()), packet);
  EXPECT_EQ(opening->obstacle(), std::nullopt);
}

TEST_F(ClientOpening, TheOpenSaysWhatIsKnownOfTheClient) {
  ASSERT_EQ(shake(), opening_step::read);
  opening->set_tls_facts(facts_of("chat.example"));
  ASSERT_EQ(feed(call()), opening_step::open);
  const protocol::open_frame frame = opening->open(12);
  EXPECT_EQ(frame.key, "ab");
  EXPECT_EQ(frame.map_epoch, 12);
  EXPECT_EQ(frame.tls.server_name, "chat.example");
  EXPECT_FALSE(frame.early_data);
  EXPECT_EQ(opening->deadline(), start + opening_timeout);
}

TEST_F(ClientOpening, AFaultyPacketIsAnsweredAndNothingMoreIsRead) {
  ASSERT_EQ(shake(), opening_step::read);
  EXPECT_EQ(feed(call("login")), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::packet_method);
  EXPECT_TRUE(opening->wanted().empty());
  EXPECT_FALSE(has_authenticated());
  byte_buffer answer;
  opening->append_answer(opening->reason(), answer);
  EXPECT_FALSE(answer.empty());
}

TEST_F(ClientOpening, WhatIsNoPacketIsKnownByItsFirstBytes) {
  ASSERT_EQ(shake(), opening_step::read);
  EXPECT_EQ(feed("GET / HTTP/1.1\r\n"), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::packet_not_thrift);
  EXPECT_FALSE(rest.empty());
}

TEST_F(ClientOpening, APacketThatIsTooLargeIsKnownByItsLength) {
  ASSERT_EQ(shake(), opening_step::read);
  EXPECT_EQ(feed(std::string("\x00\x10\x00\x00\x80", 5)), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::packet_oversize);
}

// --- the answer of the backend

TEST_F(ClientOpening, IsOverWithTheBackendsAccept) {
  open_late();
  EXPECT_EQ(send_all(), opening_step::await_answer);
  EXPECT_EQ(opening->on_accepted(), opening_step::relay);
}

TEST_F(ClientOpening, AcceptedInPartIsOverWhenThePacketIsSent) {
  open_late();
  EXPECT_EQ(opening->on_packet_sent(3), opening_step::await_answer);
  EXPECT_EQ(text_of(opening->unsent()), call().substr(3));
  EXPECT_EQ(opening->on_accepted(), opening_step::await_answer);
  EXPECT_EQ(opening->deadline(), start + opening_timeout);
  EXPECT_EQ(send_all(), opening_step::relay);
}

TEST_F(ClientOpening, WithoutAnAnswerTheClientIsToldSoAtTheDeadline) {
  open_late();
  EXPECT_EQ(opening->deadline(), start + opening_timeout);
  EXPECT_EQ(wait_until_due(), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::open_timeout);
}

TEST_F(ClientOpening, WhatIsRefusedIsTriedAgainAndSaysWhy) {
  struct refusal {
    refuse_reason reason;
    std::optional<std::int64_t> epoch;
    opening_step step;
    open_obstacle obstacle;
  };
  for (const refusal& each :
       {refusal{refuse_reason::not_owner, 12, opening_step::wait_for_map, open_obstacle::not_owner},
        refusal{refuse_reason::busy, {}, opening_step::wait_for_time, open_obstacle::busy},
        refusal{refuse_reason::shutting_down,
                {},
                opening_step::wait_for_change,
                open_obstacle::shutting_down}}) {
    renew();
    open_late();
    EXPECT_EQ(refuse(refused(each.reason, each.epoch)), each.step);
    EXPECT_EQ(opening->obstacle(), each.obstacle);
    map_epoch = 12;
    now = std::min(opening->deadline(), now + 1s);
    EXPECT_EQ(wake(), opening_step::open);
    opening->open(map_epoch);
    EXPECT_EQ(text_of(opening->unsent()), call()) << "another stream gets all of it";
    send_all();
    EXPECT_EQ(opening->on_accepted(), opening_step::relay);
  }
}

TEST_F(ClientOpening, IsOpenedAtOnceByAMapThatHasComeMeanwhile) {
  open_late();
  map_epoch = 12;
  EXPECT_EQ(refuse(refused(refuse_reason::not_owner, 12)), opening_step::open);
  EXPECT_EQ(opening->obstacle(), open_obstacle::not_owner);
}

TEST_F(ClientOpening, DeniedIsTold) {
  open_late();
  EXPECT_EQ(refuse(refused(refuse_reason::denied)), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::refused_denied);
}

TEST_F(ClientOpening, LostBeforeItIsAcceptedItIsTriedAgain) {
  open_late();
  EXPECT_EQ(lose(), opening_step::wait_for_change);
  EXPECT_EQ(opening->obstacle(), open_obstacle::link_lost);
  EXPECT_EQ(wake(), opening_step::open);
  EXPECT_EQ(opening->open(map_epoch).key, "ab");
  EXPECT_EQ(text_of(opening->unsent()), call());
}

// --- waiting

TEST_F(ClientOpening, WithoutALinkWaitsForOneUntilItsDeadline) {
  ASSERT_EQ(shake(), opening_step::read);
  ASSERT_EQ(feed(call()), opening_step::open);
  EXPECT_EQ(opening->on_no_link(close_reason::backend_full), opening_step::wait_for_change);
  EXPECT_EQ(opening->obstacle(), open_obstacle::no_link);
  EXPECT_EQ(wake(), opening_step::open);
  EXPECT_EQ(opening->on_no_link(close_reason::backend_unreachable), opening_step::wait_for_change);
  EXPECT_EQ(opening->deadline(), start + opening_timeout);
  EXPECT_EQ(wait_until_due(), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::backend_unreachable);
}

TEST_F(ClientOpening, TheTimeoutBeginsWhenThePacketIsThereAndRunsForAllAttempts) {
  ASSERT_EQ(shake(), opening_step::read);
  now += 5s;
  ASSERT_EQ(feed(call()), opening_step::open);
  const auto end = now + opening_timeout;
  opening->open(map_epoch);
  EXPECT_EQ(opening->deadline(), end);
  now += 5s;
  ASSERT_EQ(lose(), opening_step::wait_for_change);
  EXPECT_LT(opening->deadline(), end) << "a pause";
  ASSERT_EQ(wake(), opening_step::open);
  opening->open(map_epoch);
  EXPECT_EQ(opening->deadline(), end);
}

TEST_F(ClientOpening, WakingChangesNothingForWhoWaitsForAnotherMapOrForTime) {
  open_late();
  ASSERT_EQ(refuse(refused(refuse_reason::not_owner, 12)), opening_step::wait_for_map);
  map_epoch = 11;
  EXPECT_EQ(wake(), opening_step::wait_for_map);
  map_epoch = 12;
  ASSERT_EQ(wake(), opening_step::open);
  opening->open(map_epoch);
  ASSERT_EQ(refuse(refused(refuse_reason::busy, {}, 1'000)), opening_step::wait_for_time);
  EXPECT_EQ(wake(), opening_step::wait_for_time);
  EXPECT_GT(opening->deadline(), now);
  EXPECT_EQ(wait_until_due(), opening_step::open);
}

TEST_F(ClientOpening, IsToldAtOnceIfTooManyWaitAlready) {
  open_late();
  ASSERT_EQ(refuse(refused(refuse_reason::busy)), opening_step::wait_for_time);
  EXPECT_EQ(opening->on_no_place(), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::openings_exceeded);
}

// --- early data

TEST_F(ClientOpening, OpensEarlyAndSaysSoInTheOpen) {
  opening->set_tls_facts(facts_of("early.example"));
  open_early();
  EXPECT_TRUE(early.early_data);
  EXPECT_EQ(early.key, "ab");
  EXPECT_EQ(early.map_epoch, 10);
  EXPECT_EQ(early.tls.server_name, "early.example");
  EXPECT_TRUE(opening->is_opened_early());
  EXPECT_TRUE(opening->wanted().empty());
  EXPECT_FALSE(has_authenticated()) << "it may be a replay";
}

TEST_F(ClientOpening, AnEarlyStreamThatIsAcceptedIsTheClientsOnceTheHandshakeHasEnded) {
  open_early();
  EXPECT_EQ(send_all(), opening_step::await_handshake);
  EXPECT_EQ(opening->on_accepted(), opening_step::await_handshake);
  EXPECT_EQ(shake(), opening_step::relay);
  EXPECT_TRUE(has_authenticated());
}

TEST_F(ClientOpening, AnEarlyStreamIsAwaitedWhenTheHandshakeHasEnded) {
  open_early();
  now += 3s;
  EXPECT_EQ(shake(), opening_step::await_answer);
  EXPECT_EQ(opening->deadline(), now + opening_timeout) << "the handshake had its own";
  EXPECT_TRUE(has_authenticated());
  EXPECT_EQ(send_all(), opening_step::await_answer);
  EXPECT_EQ(opening->on_accepted(), opening_step::relay);
}

TEST_F(ClientOpening, AnEarlyStreamWithoutAnswerIsToldAtTheDeadline) {
  open_early();
  ASSERT_EQ(shake(), opening_step::await_answer);
  EXPECT_EQ(wait_until_due(), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::open_timeout);
}

// It may be for being early; so nothing is concluded from it.
TEST_F(ClientOpening, AnEarlyStreamThatIsRefusedIsOpenedAgainAsAnyAfterTheHandshake) {
  for (const auto reason : {refuse_reason::denied, refuse_reason::busy, refuse_reason::not_owner}) {
    renew();
    open_early();
    EXPECT_EQ(refuse(refused(reason, 12)), opening_step::await_handshake);
    EXPECT_EQ(shake(), opening_step::open);
    EXPECT_EQ(opening->obstacle(), std::nullopt);
    EXPECT_TRUE(opening->is_opened_early());
    EXPECT_FALSE(opening->open(map_epoch).early_data);
    EXPECT_FALSE(opening->is_opened_early());
  }
}

TEST_F(ClientOpening, NorIsAnythingConcludedIfThatRefusalComesAfterTheHandshake) {
  open_early();
  ASSERT_EQ(shake(), opening_step::await_answer);
  EXPECT_EQ(refuse(refused(refuse_reason::denied)), opening_step::open);
  EXPECT_EQ(opening->obstacle(), std::nullopt);
  EXPECT_FALSE(opening->open(map_epoch).early_data);
  EXPECT_EQ(refuse(refused(refuse_reason::denied)), opening_step::answer) << "now it is meant";
}

TEST_F(ClientOpening, AnEarlyStreamThatIsLostIsOpenedAgainAfterTheHandshake) {
  open_early();
  EXPECT_EQ(lose(), opening_step::await_handshake);
  EXPECT_EQ(shake(), opening_step::open);
  EXPECT_FALSE(opening->open(map_epoch).early_data);
}

TEST_F(ClientOpening, AnEarlyStreamThatIsLostAfterTheHandshakeIsTriedAgainAsAny) {
  open_early();
  ASSERT_EQ(shake(), opening_step::await_answer);
  EXPECT_EQ(lose(), opening_step::wait_for_change);
  EXPECT_EQ(opening->obstacle(), open_obstacle::link_lost);
  EXPECT_EQ(wake(), opening_step::open);
  EXPECT_FALSE(opening->open(map_epoch).early_data);
}

TEST_F(ClientOpening, AnEarlyOpenCountsAsAnAttempt) {
  open_early();
  ASSERT_EQ(shake(), opening_step::await_answer);
  ASSERT_EQ(refuse(refused(refuse_reason::busy)), opening_step::open);
  int opens = 1;
  auto step = opening_step::open;
  while (step == opening_step::open) {
    opening->open(map_epoch);
    ASSERT_LE(++opens, open_retry::opens_max);
    map_epoch += 1;
    step = refuse(refused(refuse_reason::not_owner, map_epoch));
  }
  EXPECT_EQ(step, opening_step::answer);
  EXPECT_EQ(opens, open_retry::opens_max);
}

TEST_F(ClientOpening, AnEarlyPacketThatNobodyTakesIsHeldUntilTheHandshakeHasEnded) {
  ASSERT_EQ(feed(call()), opening_step::open);
  EXPECT_TRUE(opening->wanted().empty());
  EXPECT_FALSE(opening->is_opened_early());
  EXPECT_EQ(shake(), opening_step::open);
  EXPECT_TRUE(has_authenticated());
  EXPECT_FALSE(opening->open(map_epoch).early_data);
  EXPECT_EQ(text_of(opening->unsent()), call());
}

TEST_F(ClientOpening, APacketMayBeginEarlyAndEndAfterTheHandshake) {
  const std::string packet = call();
  ASSERT_EQ(feed(packet.substr(0, 20)), opening_step::read);
  EXPECT_EQ(shake(), opening_step::read);
  EXPECT_EQ(feed(packet.substr(20)), opening_step::open);
  EXPECT_FALSE(opening->open(map_epoch).early_data);
  EXPECT_EQ(text_of(opening->unsent()), packet);
}

TEST_F(ClientOpening, AnEarlyPacketsFaultIsToldAfterTheHandshakeOnly) {
  for (const auto& [packet, reason] :
       {std::pair{call("login"), close_reason::packet_method},
        std::pair{std::string("GET / HTTP/1.1"), close_reason::packet_not_thrift}}) {
    renew();
    EXPECT_EQ(feed(packet), opening_step::await_handshake);
    EXPECT_TRUE(opening->wanted().empty());
    EXPECT_EQ(shake(), opening_step::answer);
    EXPECT_EQ(opening->reason(), reason);
    EXPECT_FALSE(has_authenticated());
  }
}

// --- a stream that goes on

class ContinuedOpening : public ClientOpening {
 protected:
  ContinuedOpening() {
    byte_buffer unread;
    unread.append(std::as_bytes(std::span(std::string_view("unread"))));
    opening.emplace(auth, opening_timeout, "couple-7", facts_of("chat.example"), std::move(unread),
                    now);
  }
};

TEST_F(ContinuedOpening, OpensWithWhatTheStreamWasOpenedWithAndSendsWhatWasUnread) {
  EXPECT_TRUE(opening->is_continued());
  EXPECT_TRUE(opening->wanted().empty());
  const auto open = opening->open(map_epoch);
  EXPECT_EQ(open.key, "couple-7");
  EXPECT_EQ(open.tls.server_name, "chat.example");
  EXPECT_FALSE(open.early_data);
  EXPECT_EQ(text_of(opening->unsent()), "unread");
  EXPECT_EQ(opening->on_packet_sent(6), opening_step::await_answer);
  EXPECT_EQ(opening->on_accepted(), opening_step::relay);
}

TEST_F(ContinuedOpening, SendsTheSameAgainToTheNextOwner) {
  opening->open(map_epoch);
  opening->on_packet_sent(6);
  EXPECT_EQ(opening->on_refused(refused(refuse_reason::not_owner, map_epoch + 1), moment()),
            opening_step::wait_for_map);
  ++map_epoch;
  EXPECT_EQ(opening->on_woken(moment()), opening_step::open);
  opening->open(map_epoch);
  EXPECT_EQ(text_of(opening->unsent()), "unread");
}

TEST_F(ContinuedOpening, EndsWithTheLinkOfABackendThatMayHaveAccepted) {
  opening->open(map_epoch);
  opening->on_packet_sent(6);
  EXPECT_EQ(opening->on_lost(moment()), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::link_lost);
}

TEST_F(ContinuedOpening, GivesUpWhenItIsDeniedOrItsTimeIsOver) {
  opening->open(map_epoch);
  EXPECT_EQ(opening->deadline() - start, opening_timeout);
  EXPECT_EQ(opening->on_refused(refused(refuse_reason::denied), moment()), opening_step::answer);
  EXPECT_EQ(opening->reason(), close_reason::refused_denied);

  opening->open(map_epoch);
  opening->on_refused(refused(refuse_reason::busy), moment());
  now = start + opening_timeout;
  EXPECT_EQ(opening->on_deadline(moment()), opening_step::answer);
}

}  // namespace
}  // namespace presenter::gateway
