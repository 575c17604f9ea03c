// A worker stands still in the middle of whatever it does, and another one goes on with all that it
// had: descriptors, clients, links. What clients and backends see is compared byte by byte.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/gateway/worker/worker_fixture.hpp"

namespace presenter::gateway {
namespace {

class WorkerUpgrade : public Worker {
 protected:
  ~WorkerUpgrade() override {
    if (serving == nullptr) return;
    serving->post_shut_down(std::chrono::seconds(20));
    serving->join();
  }

  duration patience = std::chrono::minutes(10);

  worker_state freeze() {
    std::promise<boost::system::result<worker_state>> frozen;
    serving->post_settle();
    serving->post_freeze(
        [&](boost::system::result<worker_state> state) { frozen.set_value(std::move(state)); },
        patience);
    return std::move(frozen.get_future().get().value());
  }

  // Nothing of the old worker is destroyed: that is the end of its process.
  void go_on(worker_state state) {
    EXPECT_TRUE(serving->hold_still());
    serving->let_go();
    static auto& replaced = *new std::vector<std::unique_ptr<worker>>;
    replaced.push_back(std::move(serving));
    auto socket = listening_socket::adopt(state.listener);
    serving = std::make_unique<worker>(setup(1'000), std::move(socket), std::move(state));
    serving->start("worker 0", {[this] { ++failures; }, [this] { ++ends; }});
    if (behind) set_map(behind->port());
    serving->post_listen();
  }
  void upgrade() { go_on(freeze()); }

  // The gateway's kernel has all that the client has sent.
  static bool has_arrived(const tls_peer& client) {
    int bytes = -1;
    ::ioctl(client.descriptor(), SIOCOUTQ, &bytes);
    return client.unsent() == 0 && bytes == 0;
  }

  std::unique_ptr<tls_peer> relaying_with(int version) {
    const auto before = clients(client_phase::relaying);
    auto one = std::make_unique<tls_peer>(connect_tcp(), version);
    EXPECT_TRUE(one->handshake_blocking());
    EXPECT_TRUE(one->write_blocking(first_packet_bytes()));
    EXPECT_EQ(one->read_blocking(first_packet_bytes().size()), first_packet_bytes());
    EXPECT_TRUE(eventually([&] { return clients(client_phase::relaying) > before; }));
    return one;
  }
};

TEST_F(WorkerUpgrade, NobodyNoticesIt) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  auto other = relaying_with(TLS1_2_VERSION);
  for (int i = 0; i < 5; ++i) {
    upgrade();
    for (auto* client : {one.get(), other.get()}) {
      const std::string text = "hello " + std::to_string(i);
      ASSERT_TRUE(client->write_blocking(text));
      EXPECT_EQ(client->read_blocking(text.size()), text);
    }
  }
  EXPECT_EQ(clients(client_phase::relaying), 2);
  EXPECT_EQ(serving->metrics().clients_accepted.value(), 2U) << "the counters go on";
  EXPECT_EQ(serving->metrics().streams_open.value(), 2);
  auto late = relaying_with(TLS1_3_VERSION);
  EXPECT_EQ(closes(), 0U);
}

TEST_F(WorkerUpgrade, SaysNothingOfItToTheClientsThatComeMeanwhile) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  worker_state state = freeze();
  auto late = connect();  // the kernel keeps it
  ASSERT_TRUE(one->write_blocking("sent while nobody reads"));
  go_on(std::move(state));
  EXPECT_EQ(one->read_blocking(23), "sent while nobody reads");
  EXPECT_TRUE(late->handshake_blocking());
}

TEST_F(WorkerUpgrade, GoesOnInTheMiddleOfARecord) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  const std::string text(10'000, 'x');
  one->write(text);
  while (one->unsent() != 0) {
    one->push(1'999);
    upgrade();
  }
  EXPECT_EQ(one->read_blocking(text.size()), text);
}

TEST_F(WorkerUpgrade, GoesOnInTheMiddleOfTheFirstPacket) {
  start();
  start_backend(true);
  auto one = connect();
  ASSERT_TRUE(one->handshake_blocking());
  const std::string packet = first_packet_bytes();
  for (std::size_t i = 0; i < packet.size(); ++i) {
    if (i != 0) upgrade();
    ASSERT_TRUE(eventually([&] { return clients(client_phase::first_packet) == 1; }));
    ASSERT_TRUE(one->write_blocking(packet.substr(i, 1)));
  }
  EXPECT_EQ(one->read_blocking(packet.size()), packet);
}

TEST_F(WorkerUpgrade, GoesOnWhereAClientDoesNotRead) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  // More than fits into the sockets, the windows and the buffers between.
  const std::string text(8'000'000, 'x');
  one->write(text);
  std::string got;
  for (int i = 0; got.size() < text.size(); ++i) {
    while (one->push() != 0) {
    }
    if (i < 8) upgrade();
    one->pull(i < 8 ? 100'000 : tls_peer::all);
    got += one->read();
  }
  EXPECT_TRUE(got == text);
  EXPECT_EQ(closes(), 0U);
}

TEST_F(WorkerUpgrade, GoesOnWithAClientThatHasFinished) {
  start();
  start_backend(false);
  auto one = relaying();
  ASSERT_TRUE(one->write_blocking("last words"));
  one->finish();
  while (one->unsent() != 0)
    one->push();
  ASSERT_TRUE(eventually([&] { return has_arrived(*one); }));
  upgrade();
  behind->read();
  ASSERT_TRUE(eventually([&] { return behind->received() == first_packet_bytes().size() + 10; }));
  behind->finish();
  EXPECT_EQ(one->read_blocking(1), "");
  EXPECT_TRUE(one->is_finished_by_peer());
  EXPECT_TRUE(eventually([&] { return closes(close_reason::client_finished) == 1; }));
}

TEST_F(WorkerUpgrade, GoesOnWithAClientThatIsBeingClosed) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  serving->post_close_idle(1, close_reason::rebalanced_away, {});
  ASSERT_TRUE(eventually([&] { return clients(client_phase::closing) == 1; }));
  upgrade();
  EXPECT_EQ(clients(client_phase::closing), 1);
  EXPECT_EQ(one->read_blocking(1), "");
  EXPECT_TRUE(one->is_finished_by_peer());
  one->close_descriptor();
  EXPECT_TRUE(eventually([&] { return clients(client_phase::closing) == 0; }));
  EXPECT_EQ(closes(), 1U) << "counted once";
}

TEST_F(WorkerUpgrade, IsAsIfNothingHadBeenWhenItIsTakenBack) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  {
    const worker_state state = freeze();
    EXPECT_EQ(state.clients.size(), 1U);
    ASSERT_TRUE(one->write_blocking("hello"));
  }
  serving->thaw();
  EXPECT_EQ(one->read_blocking(5), "hello");
  auto late = relaying_with(TLS1_3_VERSION);
  upgrade();
  ASSERT_TRUE(one->write_blocking("again"));
  EXPECT_EQ(one->read_blocking(5), "again");
}

TEST_F(WorkerUpgrade, IsTakenBackBeforeTheWorkerHasComeToIt) {
  start();
  std::promise<void> blocked;
  serving->post_visit_links([&](const upstream_pool&) { blocked.get_future().wait(); });
  std::atomic<bool> is_frozen{false};
  serving->post_freeze([&](boost::system::result<worker_state>) { is_frozen = true; }, patience);
  serving->thaw();
  blocked.set_value();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  EXPECT_FALSE(is_frozen);
}

// Whoever was to decide hangs: clients do not wait for that.
TEST_F(WorkerUpgrade, GoesOnByItselfUnlessItIsHeld) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  const auto talks = [&one] {
    ASSERT_TRUE(one->write_blocking("hello"));
    EXPECT_EQ(one->read_blocking(5), "hello");
  };
  patience = {};
  freeze();
  talks();
  EXPECT_FALSE(serving->hold_still()) << "it goes on";
  patience = std::chrono::minutes(10);
  freeze();
  EXPECT_TRUE(serving->hold_still());
  serving->thaw();
  talks();
}

// And who cannot even be told for want of memory has to find out.
TEST_F(WorkerUpgrade, GoesOnWhenItCannotTell) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  serving->post_freeze([](const boost::system::result<worker_state>&) { throw std::bad_alloc(); },
                       {});
  ASSERT_TRUE(one->write_blocking("hello"));
  EXPECT_EQ(one->read_blocking(5), "hello");
  EXPECT_EQ(failures, 0);
}

TEST_F(WorkerUpgrade, LeavesBehindWhoIsInOpenSslsHands) {
  start();
  start_backend(false);
  auto shaking = connect();
  shaking->step_handshake();
  shaking->push(10);
  ASSERT_TRUE(eventually([&] { return clients(client_phase::handshake) == 1; }));
  const worker_state state = freeze();
  EXPECT_EQ(state.clients.size(), 0U);
  EXPECT_EQ(state.left_behind, 1U);
  serving->thaw();
}

// Its backend must not keep a stream that nobody is at the other end of.
TEST_F(WorkerUpgrade, EndsTheStreamOfAClientThatIsLeftBehind) {
  settings.tls.detach_records = false;
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  upgrade();
  EXPECT_EQ(one->read_blocking(1), "");
  EXPECT_TRUE(one->is_finished_by_peer()) << "close_notify";
  EXPECT_TRUE(comes_to(serving->metrics().closes[close_reason::upgraded], 1));
  EXPECT_TRUE(eventually([&] { return behind->ended() == 1; }));
  EXPECT_TRUE(comes_to(serving->metrics().clients_open[client_phase::relaying], 0));
}

TEST_F(WorkerUpgrade, RefusesAStateThatMakesNoSense) {
  start();
  start_backend(true);
  auto one = relaying_with(TLS1_3_VERSION);
  const auto refused = [&](auto spoil) {
    worker_state state = freeze();
    spoil(state);
    // Not closed with the object: the worker that stands still goes on with it.
    auto socket = listening_socket::adopt(::dup(state.listener));
    for (client_state& each : state.clients)
      each.descriptor = ::dup(each.descriptor);
    for (upstream_link_state& each : state.upstream)
      each.link.descriptor = ::dup(each.link.descriptor);
    EXPECT_THROW(worker(setup(1'000), std::move(socket), std::move(state)),
                 boost::system::system_error);
    serving->thaw();
  };
  refused([](worker_state& state) { state.clients[0].tls.records.version = 0; });
  refused([](worker_state& state) { state.clients[0].tls.plaintext = 1; });
  refused([](worker_state& state) { state.clients[0].backend = 7; });
  refused([](worker_state& state) { state.clients[0].stream.reset(); });
  refused([](worker_state& state) { state.clients[0].stream->link = 7; });
  refused([](worker_state& state) { state.clients[0].phase = client_phase::first_packet; });
  ASSERT_TRUE(one->write_blocking("hello"));
  EXPECT_EQ(one->read_blocking(5), "hello");
}

}  // namespace
}  // namespace presenter::gateway
