// A whole worker in its own thread, real clients over loopback, and a backend on the SDK.
#include "gateway/worker/worker.hpp"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/unit/gateway/worker/openssl_memory.hpp"
#include "tests/unit/gateway/worker/worker_fixture.hpp"

namespace presenter::gateway {
namespace {

using presenter::testing::openssl_memory_fails;

TEST_F(Worker, StartsAndEndsWithoutEverHavingSeenAClientOrAMap) {
  start();
  shut_down();
}

TEST_F(Worker, IsGoneAtOnceWhenItNeverStarted) {
  auto socket = listening_socket::open({asio::ip::address_v4::loopback(), 0}, 64);
  ASSERT_TRUE(socket);
  EXPECT_NO_THROW(worker(setup(1), std::move(*socket)));
}

TEST_F(Worker, EndsClientsOfEveryPhaseInTheirOwnWay) {
  start();
  start_backend(true);
  auto talking = relaying();
  EXPECT_EQ(talking->read_blocking(first_packet_bytes().size()), first_packet_bytes());

  auto silent = connect();
  auto waiting = connect();
  ASSERT_TRUE(waiting->handshake_blocking());
  ASSERT_TRUE(waiting->write_blocking(first_packet_bytes().substr(0, 10)));
  ASSERT_TRUE(eventually([&] {
    return clients(client_phase::handshake) == 1 && clients(client_phase::first_packet) == 1;
  }));

  serving->post_shut_down(std::chrono::seconds(20));
  for (auto* one : {talking.get(), waiting.get()}) {
    EXPECT_EQ(one->read_blocking(1), "");
    EXPECT_TRUE(one->is_finished_by_peer());
    one->close_descriptor();
  }
  silent->read_blocking(1);
  EXPECT_TRUE(silent->is_closed());
  serving->join();
  EXPECT_EQ(closes(close_reason::shutting_down), 3U);
  expect_nobody_left();
}

TEST_F(Worker, AnswersAClientThatIsStillOpeningWhenItEnds) {
  start();  // and no map
  auto opening = connect();
  ASSERT_TRUE(opening->handshake_blocking());
  ASSERT_TRUE(opening->write_blocking(first_packet_bytes()));
  ASSERT_TRUE(eventually([&] { return clients(client_phase::opening) == 1; }));
  serving->post_shut_down(std::chrono::seconds(20));
  EXPECT_NE(opening->read_blocking(10'000).find("shutting_down"), std::string::npos);
  opening->close_descriptor();
  serving->join();
  expect_nobody_left();
}

TEST_F(Worker, CutsWhoIsLeftAtTheEnd) {
  start();
  start_backend(true);
  auto talking = relaying();
  serving->post_shut_down(std::chrono::milliseconds(0));
  serving->join();
  EXPECT_EQ(closes(close_reason::shutting_down), 1U);
  EXPECT_EQ(closes(), 1U);
  serving.reset();
  talking->read_blocking(first_packet_bytes().size() + 1);
  EXPECT_TRUE(talking->is_closed());
}

// The first one's end gives its stream's place to the second, for which it comes too late: that one
// is told so, nobody is there any more, and it is gone while the first is still being ended.
TEST_F(Worker, EndsClientsThatEndOneAnother) {
  settings.upstream.opening_timeout = std::chrono::seconds(2);
  start();
  start_backend(true, protocol::limits::stream_window_bytes_default, 1);
  auto first = relaying();
  EXPECT_EQ(first->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  behind->finish();
  ASSERT_TRUE(eventually([&] {
    first->pull();
    first->read();
    return first->is_finished_by_peer();
  }));
  auto second = connect();
  ASSERT_TRUE(second->handshake_blocking());
  ASSERT_TRUE(second->write_blocking(first_packet_bytes()));
  ASSERT_TRUE(comes_to(serving->metrics().opens_waiting, 1));

  // All of it in one turn of the loop, so that no other end comes before.
  const auto too_late = std::chrono::steady_clock::now() + settings.upstream.opening_timeout;
  serving->post_visit_links([&](const upstream_pool&) {
    EXPECT_TRUE(eventually([&] { return std::chrono::steady_clock::now() >= too_late; }));
    const linger at_once{1, 0};
    ::setsockopt(second->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    second->close_descriptor();
    serving->post_shut_down(std::chrono::seconds(20));
  });
  ASSERT_TRUE(eventually([&] { return closes() == 2; }));
  EXPECT_EQ(closes(close_reason::shutting_down), 1U) << "the walk has not met the second";
  first->close_descriptor();
  serving->join();
  expect_nobody_left();
}

TEST_F(Worker, EndsWithItsOwnerWhoHasNotToldIt) {
  start();
  auto silent = connect();
  ASSERT_TRUE(eventually([&] { return clients(client_phase::handshake) == 1; }));
  serving.reset();
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(failures, 0);
}

// Who keeps a client or the links that he has been shown, and asks them later on a thread of his
// own, would read what the worker is writing.
TEST_F(Worker, AnswersNoOtherThreadAboutItsClientsAndLinks) {
  start();
  start_backend(true);
  auto talking = relaying();
  std::atomic<const client_session*> client = nullptr;
  std::atomic<const upstream_pool*> links = nullptr;
  serving->post_survey(
      [&](const client_session& one) {
        EXPECT_NO_THROW(one.tag());
        client = &one;
      },
      [] {});
  serving->post_visit_links([&](const upstream_pool& all) {
    EXPECT_NO_THROW(all.uses());
    links = &all;
  });
  ASSERT_TRUE(eventually([&] { return client != nullptr && links != nullptr; }));
  EXPECT_THROW(client.load()->tag(), std::logic_error);
  EXPECT_THROW(client.load()->age_seconds(), std::logic_error);
  EXPECT_THROW(links.load()->uses(), std::logic_error);
  talking->close_descriptor();
  shut_down();
}

// As an exception out of any callback of its loop is.
TEST_F(Worker, ClosesItsClientsCleanlyWhenItHasFailed) {
  start();
  start_backend(true);
  auto talking = relaying();
  EXPECT_EQ(talking->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  serving->post_visit_links([](const upstream_pool&) { throw std::runtime_error("broken"); });
  EXPECT_EQ(talking->read_blocking(1), "");
  EXPECT_TRUE(talking->is_finished_by_peer());
  talking->close_descriptor();
  serving->join();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(closes(close_reason::shutting_down), 1U);
  expect_nobody_left();
}

TEST_F(Worker, EndsEvenIfItFailsOnceMoreMeanwhile) {
  start();
  start_backend(true);
  auto talking = relaying();
  const auto fail = [](const upstream_pool&) { throw std::runtime_error("broken"); };
  serving->post_visit_links([&](const upstream_pool& links) {
    serving->post_visit_links(fail);
    fail(links);
  });
  serving->join();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(ends, 1);
}

TEST_F(Worker, OpensAClientThatWaitedForTheMap) {
  start();
  auto one = connect();
  ASSERT_TRUE(one->handshake_blocking());
  ASSERT_TRUE(one->write_blocking(first_packet_bytes()));
  ASSERT_TRUE(eventually([&] { return clients(client_phase::opening) == 1; }));
  start_backend(true);
  EXPECT_EQ(one->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  one->close_descriptor();
  EXPECT_TRUE(eventually([&] { return closes(close_reason::tls_truncated) == 1; }));
  shut_down();
}

// Nobody but this client moves anything: no other event may be needed for the rest of its upload.
TEST_F(Worker, MovesTheRestOfAnUploadThatWaitedForCredit) {
  constexpr std::int32_t window = 512 * 1'024;
  // More than a relay's share of one turn, and little enough to lie in the gateway's kernel.
  constexpr std::size_t upload = window + 100'000;
  start();
  start_backend(false, window);
  auto one = relaying();
  ASSERT_TRUE(one->write_blocking(std::string(upload, 'u')));
  const auto& moved = serving->metrics().relayed_bytes[relay_direction::to_backend];
  ASSERT_TRUE(eventually([&] { return moved.value() == window; }));
  // All of it lies there, or as much as that kernel takes: its buffer has perhaps not grown.
  int before = -1;
  ASSERT_TRUE(eventually([&] {
    int unacknowledged = 0;
    if (::ioctl(one->descriptor(), SIOCOUTQ, &unacknowledged) != 0) return false;
    return unacknowledged == 0 || unacknowledged == std::exchange(before, unacknowledged);
  }));
  behind->read();
  EXPECT_TRUE(
      eventually([&] { return behind->received() == upload + first_packet_bytes().size(); }));
  one->close_descriptor();
  shut_down();
}

TEST_F(Worker, SurvivesHavingNoMemoryForAClient) {
  start();
  start_backend(true);
  auto talking = relaying();
  EXPECT_EQ(talking->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  // Whoever begins its handshake while OpenSSL has no memory is closed; who came before goes on.
  auto refused = connect();
  refused->step_handshake();
  openssl_memory_fails = true;
  refused->push();
  const bool was_refused = bool(comes_to(serving->metrics().closes[close_reason::internal], 1));
  openssl_memory_fails = false;
  EXPECT_TRUE(was_refused);
  ASSERT_TRUE(talking->write_blocking("still here"));
  EXPECT_EQ(talking->read_blocking(10), "still here");
  talking->close_descriptor();
  shut_down();
}

// In a storm most of those who wait have given up when their turn comes.
TEST_F(Worker, SpendsNoCryptoOnAClientThatHasGone) {
  start();
  auto gone = connect();
  openssl_memory_fails = true;  // the first use of OpenSSL would be an `internal`
  ::shutdown(gone->descriptor(), SHUT_WR);
  const bool was_dropped = bool(eventually(
      [&] { return serving->metrics().closes[close_reason::handshake_failed].value() == 1; }));
  openssl_memory_fails = false;
  EXPECT_TRUE(was_dropped);
  shut_down();
}

TEST_F(Worker, TakesTheNextClientWhenOneOfTheMostHasGone) {
  start(1);
  auto first = connect();
  ASSERT_TRUE(first->handshake_blocking());
  auto second = connect();
  second->step_handshake();
  second->push();
  EXPECT_EQ(serving->metrics().clients_accepted.value(), 1U);
  first->close_descriptor();
  EXPECT_TRUE(second->handshake_blocking());
  EXPECT_EQ(closes(), 1U);
  second->close_descriptor();
  shut_down();
}

// Every phase of such a client takes many turns, and nothing but the turns makes it go on.
TEST_F(Worker, ServesAClientOfPeculiarRecordsTurnByTurn) {
  start();
  start_backend(true);
  auto one = connect();
  one->step_handshake();
  one->fragment_output();
  ASSERT_TRUE(one->handshake_blocking());
  ASSERT_EQ(SSL_set_block_padding(one->ssl(), 16'384), 1);
  // From version 3.2 on OpenSSL pads from the next keys on.
  one->key_update(SSL_KEY_UPDATE_NOT_REQUESTED);
  const std::string text = first_packet_bytes() + std::string(20, 'x');
  for (const char byte : text)
    one->write(std::string_view(&byte, 1));
  ASSERT_TRUE(one->write_blocking("end"));
  EXPECT_EQ(one->read_blocking(text.size() + 3), text + "end");
  one->close_descriptor();
  shut_down();
}

// As after SIGSTOP, or a pause of the whole machine: what the clients said meanwhile has not been
// read, and nobody is to be taken for silent.
TEST_F(Worker, AccusesNobodyOfTheTimeInWhichItStoodStill) {
  settings.clients.idle_timeout = std::chrono::seconds(2);
  settings.auth.timeout = std::chrono::seconds(2);
  start();
  start_backend(true);
  auto talking = relaying();
  EXPECT_EQ(talking->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  auto coming = connect();
  ASSERT_TRUE(coming->handshake_blocking());
  ASSERT_TRUE(eventually([&] { return clients(client_phase::first_packet) == 1; }));

  std::atomic<bool> stands = false;
  const auto stand_still = [&](const client_session&) {
    if (stands.exchange(true)) return;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2'500);
    EXPECT_TRUE(eventually([&] { return std::chrono::steady_clock::now() >= until; }));
  };
  serving->post_survey(stand_still, [] {});
  ASSERT_TRUE(eventually([&] { return stands.load(); }));
  EXPECT_TRUE(talking->write_blocking("ping"));
  EXPECT_TRUE(coming->write_blocking(first_packet_bytes()));
  EXPECT_EQ(talking->read_blocking(4), "ping");
  EXPECT_EQ(coming->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  EXPECT_EQ(closes(), 0U);
  talking->close_descriptor();
  coming->close_descriptor();
  shut_down();
}

// A client that floods while it is being closed gets its deadline like everybody else, and holds
// nobody up meanwhile.
TEST_F(Worker, IsNotHeldByAClientThatNeverStopsSending) {
  start();
  start_backend(true);
  auto talking = relaying();
  EXPECT_EQ(talking->read_blocking(first_packet_bytes().size()), first_packet_bytes());
  auto flooding = connect();
  ASSERT_TRUE(flooding->handshake_blocking());
  std::string wrong = first_packet_bytes();
  wrong[16] = 'X';  // another method: answered, then closed
  ASSERT_TRUE(flooding->write_blocking(wrong));
  ASSERT_TRUE(eventually([&] { return clients(client_phase::closing) == 1; }));

  std::atomic<bool> stop{false};
  std::thread flood([&, descriptor = flooding->descriptor()] {
    const std::string rubbish(262'144, 'r');
    while (!stop && ::send(descriptor, rubbish.data(), rubbish.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(talking->write_blocking("ping"));
    EXPECT_EQ(talking->read_blocking(4), "ping");
  }
  stop = true;
  ::shutdown(flooding->descriptor(), SHUT_RDWR);
  flood.join();
  EXPECT_EQ(closes(close_reason::packet_method), 1U);
  talking->close_descriptor();
  shut_down();
}

}  // namespace
}  // namespace presenter::gateway
