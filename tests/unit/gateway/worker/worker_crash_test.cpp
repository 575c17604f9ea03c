// A whole worker, real clients over loopback, and backends that deposit after each message and then
// crash. What a client sees is compared byte by byte.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/worker/worker.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"
#include "tests/unit/gateway/worker/linked_backend.hpp"
#include "tests/unit/gateway/worker/worker_parts.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
using presenter::testing::tls_peer;
using protocol::checkpoint_frame;

// Echoes every run of bytes with its own mark in front, and deposits what it has echoed last.
class depositing_backend final : public linked_backend {
 public:
  depositing_backend(std::string name, std::string instance, bool has_feature = true)
      : linked_backend(std::move(name), std::move(instance), has_feature) {
    serve();
  }
  ~depositing_backend() { end(); }

  // As the kernel does for a process that it has ended.
  void crash() {
    done([this] { acceptor_.close(); });
    cut_links();
  }
  void cut_links() {
    done([this] {
      for (const auto& each : links_)
        each->close({});
      links_.clear();
    });
  }

  std::atomic<bool> deposits{true};
  std::atomic<bool> deposits_at_once{false};  // when a stream goes on here, beside the Accept
  std::atomic<bool> refuses{false};
  std::atomic<int> asked{0};
  // Of the last stream that went on here; read when its client has had an answer.
  checkpoint_frame from;
  std::string state;
  protocol::continued_from continued;

 private:
  struct stream final : linked_stream {
    stream(depositing_backend& owner_, link& on_, protocol::stream_id id_)
        : linked_stream(on_, id_), owner(owner_) {}
    void on_data(std::span<const std::byte> payload, bool) override {
      const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
      on.core().consumed(id, payload.size());
      consumed += static_cast<std::int64_t>(payload.size());
      const std::string echo = owner.name_ + ":" + text;
      produced += static_cast<std::int64_t>(
          on.core().submit_data(id, std::as_bytes(std::span(echo)), false));
      if (owner.deposits) deposit(text);
    }
    void deposit(std::string_view text) {
      checkpoint_frame left;
      left.stream = id;
      left.consumed = consumed;
      left.produced = produced;
      left.state = text;
      on.core().submit_checkpoint(left);
    }
    void on_finish() override { on.core().finish(id); }
    void on_handoff(const protocol::handoff_frame&) override { ++owner.asked; }
    void on_checkpoint(const checkpoint_frame& before) override {
      consumed = before.consumed;
      produced = before.produced;
      owner.from = before;
      owner.state = before.state;
      if (owner.deposits_at_once) deposit("taken over");
    }

    depositing_backend& owner;
    std::int64_t consumed = 0;
    std::int64_t produced = 0;
  };

  protocol::stream_handler* on_open(link& on, protocol::stream_id id,
                                    const protocol::open_frame& open) override {
    if (refuses) {
      on.core().refuse({id, protocol::refuse_reason::denied, {}, {}});
      return nullptr;
    }
    if (open.continued) continued = *open.continued;
    stream& made = on.keep<stream>(id, *this, on, id);
    on.core().accept(id);
    return &made;
  }

  // Returns when its thread has done it.
  template <class Work>
  void done(Work work) {
    std::promise<void> is_done;
    asio::post(io_, [&] {
      work();
      is_done.set_value();
    });
    is_done.get_future().wait();
  }
};

class WorkerCrash : public ::testing::Test {
 protected:
  WorkerCrash() {
    settings.tls.certificate = files.folder() / "tls.pem";
    settings.tls.private_key = files.folder() / "tls.key";
    settings.shards.zookeeper = "not asked";
  }
  ~WorkerCrash() override {
    if (!serving) return;
    client.reset();
    serving->post_shut_down(std::chrono::seconds(20));
    serving->join();
    for (std::size_t i = 0; i <= static_cast<std::size_t>(client_phase::closing); ++i)
      EXPECT_EQ(serving->metrics().clients_open.at_index(i).value(), 0) << i;
    EXPECT_EQ(serving->metrics().streams_open.value(), 0);
    EXPECT_EQ(serving->metrics().crashes_waiting.value(), 0);
  }

  void start() {
    auto socket = listening_socket::open({asio::ip::address_v4::loopback(), 0}, 64);
    ASSERT_TRUE(socket);
    address = socket->local_endpoint();
    const worker_setup setup{.settings = settings,
                             .node = "gw",
                             .tag_stem = "gw-0",
                             .tickets = tickets,
                             .tls = load_tls_files(settings.tls, std::time(nullptr)).files,
                             .clients_max = 100,
                             .paces = {.closes = 250, .handoffs = 1'000},
                             .held_bytes_max = 1'024 * 1'024};
    serving = std::make_unique<worker>(setup, std::move(*socket));
    serving->start("worker 0", {[] {}, [] {}});
    serving->post_listen();
    set_map({a->entry(), b->entry(shard_router::backend_state::draining)});
    ASSERT_TRUE(comes_to(metrics().links_up, 2));
  }

  const worker_metrics& metrics() const { return serving->metrics(); }
  void set_map(std::vector<shard_router::backend_entry> entries) {
    serving->post_map(std::make_shared<shard_router::shard_map>(++epoch, std::move(entries)));
  }
  // Its session has ended, or somebody has removed its entry.
  void forget_a() { set_map({b->entry()}); }

  // A client whose backend `a` has answered, and has said all in a deposit.
  void serve() {
    start();
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(descriptor, address.data(), static_cast<socklen_t>(address.size())), 0);
    client = std::make_unique<tls_peer>(descriptor, TLS1_3_VERSION);
    ASSERT_TRUE(client->handshake_blocking());
    ASSERT_TRUE(client->write_blocking(packet));
    ASSERT_EQ(client->read_blocking(2 + packet.size()), "a:" + packet);
    ASSERT_TRUE(eventually([&] { return relaying() == 1; }));
    say("hi", "a:hi");
  }
  void say(const std::string& text, const std::string& answer) {
    ASSERT_TRUE(client->write_blocking(text));
    ASSERT_EQ(client->read_blocking(answer.size()), answer);
  }
  std::int64_t relaying() const { return metrics().clients_open[client_phase::relaying].value(); }
  const counter& results(handoff_result result) const { return metrics().handoffs[result]; }
  ::testing::AssertionResult is_waiting() const { return comes_to(metrics().crashes_waiting, 1); }
  // The way of all whose backend is lost.
  void expect_closed_as_today() {
    EXPECT_EQ(client->read_blocking(1), "");
    EXPECT_TRUE(comes_to(metrics().closes[close_reason::link_lost], 1));
    client->close_descriptor();
  }
  void expect_closed_for(handoff_result why) {
    expect_closed_as_today();
    EXPECT_TRUE(comes_to(results(why), 1)) << name_of(why);
  }

  config_files files;
  config settings;
  ticket_ring_ptr tickets = make_random_ring();
  std::optional<depositing_backend> a{std::in_place, "a", "life-1"};
  std::optional<depositing_backend> b{std::in_place, "b", "life-1"};
  const std::string packet = packet_of("couple-0");
  tcp_endpoint address;
  std::int64_t epoch = 0;
  std::unique_ptr<worker> serving;
  std::unique_ptr<tls_peer> client;
};

TEST_F(WorkerCrash, GoesOnFromTheDepositAsSoonAsTheBackendIsKnownToBeGone) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  ASSERT_TRUE(client->write_blocking("are you there"));
  forget_a();
  EXPECT_EQ(client->read_blocking(15), "b:are you there");
  EXPECT_EQ(b->state, "hi");
  EXPECT_EQ(b->continued.cause, protocol::continue_cause::crash);
  EXPECT_EQ(b->continued.node, "a");
  EXPECT_EQ(b->from.consumed, static_cast<std::int64_t>(packet.size() + 2));
  EXPECT_EQ(b->from.produced, static_cast<std::int64_t>(packet.size() + 6));
  EXPECT_TRUE(comes_to(results(handoff_result::crash_done), 1));
  say("good", "b:good");
  EXPECT_TRUE(comes_to(metrics().moves[move_cause::link_lost], 1));
}

// A process that has lost its entry may still serve, until it hears of it: one settle.
TEST_F(WorkerCrash, WaitsASettleIfTheMapHasForgottenTheBackendBefore) {
  ASSERT_NO_FATAL_FAILURE(serve());
  forget_a();
  ASSERT_TRUE(comes_to(metrics().map_epoch, epoch));
  a->crash();
  ASSERT_TRUE(is_waiting());
  say("hello", "b:hello");
  EXPECT_TRUE(comes_to(results(handoff_result::crash_done), 1));
}

TEST_F(WorkerCrash, GoesOnAtTheNextProcessOfTheSameName) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  a.emplace("a", "life-2");
  set_map({a->entry(), b->entry(shard_router::backend_state::draining)});
  say("hello", "a:hello");
  EXPECT_EQ(a->state, "hi");
  EXPECT_TRUE(comes_to(results(handoff_result::crash_done), 1));
}

TEST_F(WorkerCrash, OutlivesTheNextCrashAsWell) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  forget_a();
  say("hello", "b:hello");
  b->crash();
  ASSERT_TRUE(is_waiting());
  a.emplace("a", "life-2");
  set_map({a->entry()});
  say("again", "a:again");
  EXPECT_EQ(a->state, "hello");
  EXPECT_TRUE(comes_to(results(handoff_result::crash_done), 2));
}

TEST_F(WorkerCrash, KeepsADepositThatComesWithTheAccept) {
  b->deposits_at_once = true;
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  forget_a();
  ASSERT_TRUE(comes_to(results(handoff_result::crash_done), 1));
  b->crash();
  ASSERT_TRUE(is_waiting());
  a.emplace("a", "life-2");
  set_map({a->entry()});
  say("again", "a:again");
  EXPECT_EQ(a->state, "taken over");
}

TEST_F(WorkerCrash, ClosesTheClientInTheMiddleOfAMessage) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->deposits = false;
  say("more", "a:more");
  a->crash();
  expect_closed_for(handoff_result::crash_in_message);
}

TEST_F(WorkerCrash, ClosesTheClientOfABackendThatDepositsNothing) {
  a->deposits = false;
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  expect_closed_as_today();
  EXPECT_EQ(results(handoff_result::crash_in_message).value(), 0U);
}

TEST_F(WorkerCrash, TakesNoDepositWithAMapFileWhichForgetsNobody) {
  settings.shards.zookeeper.reset();
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  expect_closed_as_today();
}

TEST_F(WorkerCrash, ClosesTheClientIfTheBackendIsBackAndMayBeServingItStill) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->cut_links();
  expect_closed_for(handoff_result::crash_returned);
}

TEST_F(WorkerCrash, ClosesTheClientIfNobodyKnowsInTime) {
  settings.moves.crash_wait = std::chrono::milliseconds(300);
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  expect_closed_for(handoff_result::crash_unproven);
}

TEST_F(WorkerCrash, ClosesTheClientWhomTheNextOwnerRefuses) {
  b->refuses = true;
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  forget_a();
  expect_closed_for(handoff_result::refused);
}

TEST_F(WorkerCrash, ClosesTheClientWhoseNextOwnerTakesNobodyOver) {
  b.emplace("b", "life-1", false);
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  forget_a();
  expect_closed_for(handoff_result::no_feature);
}

TEST_F(WorkerCrash, ClosesTheClientWhoseKeyNobodyOwns) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  set_map({b->entry(shard_router::backend_state::draining)});
  expect_closed_for(handoff_result::no_owner);
}

TEST_F(WorkerCrash, ForgetsAClientThatLeavesMeanwhile) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  const linger at_once{1, 0};
  ::setsockopt(client->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client->close_descriptor();
  EXPECT_TRUE(comes_to(results(handoff_result::client_left), 1));
  EXPECT_TRUE(comes_to(metrics().crashes_waiting, 0));
}

TEST_F(WorkerCrash, TakesTheEndOfAClientThatFinishesMeanwhileToTheNextBackend) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  ASSERT_TRUE(client->write_blocking("bye"));
  client->finish();
  client->push();
  forget_a();
  EXPECT_EQ(client->read_blocking(5), "b:bye");
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
}

TEST_F(WorkerCrash, EndsCleanlyWhenTheGatewayEndsMeanwhile) {
  ASSERT_NO_FATAL_FAILURE(serve());
  a->crash();
  ASSERT_TRUE(is_waiting());
  serving->post_shut_down(std::chrono::seconds(20));
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
  EXPECT_TRUE(comes_to(results(handoff_result::shutting_down), 1));
}

TEST_F(WorkerCrash, GoesOnFromTheDepositOfABackendThatDiesBeforeItHandsOver) {
  ASSERT_NO_FATAL_FAILURE(serve());
  set_map({a->entry(shard_router::backend_state::draining), b->entry()});
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  a->crash();
  ASSERT_TRUE(is_waiting());
  EXPECT_TRUE(comes_to(results(handoff_result::link_lost), 1));
  forget_a();
  say("hello", "b:hello");
  EXPECT_TRUE(comes_to(results(handoff_result::crash_done), 1));
}

TEST_F(WorkerCrash, CountsWhatIsDepositedAndGivesItBack) {
  ASSERT_NO_FATAL_FAILURE(serve());
  EXPECT_TRUE(eventually([&] { return metrics().memory[memory_part::deposits].value() > 0; }));
  EXPECT_TRUE(comes_to(metrics().deposits, 2));
  EXPECT_EQ(metrics().deposits_dropped.value(), 0U);
}

}  // namespace
}  // namespace presenter::gateway
