// A whole worker, real clients over loopback, and two backends that hand streams over to each
// other. What a client sees is compared byte by byte.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/worker/worker.hpp"
#include "protocol/transport/mux_link.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"
#include "tests/unit/gateway/worker/worker_parts.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
using presenter::testing::tls_peer;
using protocol::checkpoint_frame;

// What a backend does when it is asked for a stream.
enum class answer { give_up, decline, stay_silent, lie, cut };

// Echoes every byte with its own mark in front of each run of them; holds back what it reads, if it
// is told so, and gives that back unread.
class giving_backend {
 public:
  explicit giving_backend(std::string name, bool has_feature = true)
      : name_(std::move(name)), has_feature_(has_feature), acceptor_(io_) {
    const asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen();
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~giving_backend() {
    io_.stop();
    thread_.join();
  }

  shard_router::backend_entry entry(shard_router::backend_state state) {
    return {.name = name_,
            .host = "127.0.0.1",
            .port = acceptor_.local_endpoint().port(),
            .weight = 1,
            .state = state,
            .instance = {}};
  }
  // Of those who have not answered.
  void answer_late() {
    asio::post(io_, [this] {
      for (const auto& each : links_) {
        for (const auto& [id, stream] : each->streams)
          if (std::exchange(stream->is_asked, false)) stream->give_up(answer::give_up);
      }
    });
  }

  std::atomic<answer> answers{answer::give_up};
  std::atomic<bool> refuses{false};
  std::atomic<bool> cuts_opened{false};  // its link, when a stream is to go on here
  std::atomic<bool> reads{true};
  std::atomic<int> asked{0};
  std::atomic<int> continued{0};
  std::atomic<int> cut{0};
  std::atomic<int> streams_now{0};
  // Of the last stream that went on here; read after `continued`.
  std::string state, node, key, server_name;

 private:
  struct link;
  struct stream final : protocol::stream_handler {
    stream(giving_backend& owner_, link& on_, protocol::stream_id id_)
        : owner(owner_), on(on_), id(id_) {
      ++owner.streams_now;
    }
    ~stream() { --owner.streams_now; }
    void on_accepted() override {}
    void on_refused(const protocol::refuse_frame&) override {}
    void on_data(std::span<const std::byte> payload, bool) override {
      const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
      if (!owner.reads) {
        unread += text;
        return;
      }
      on.core().consumed(id, payload.size());
      consumed += static_cast<std::int64_t>(payload.size());
      const std::string echo = owner.name_ + ":" + text;
      produced += static_cast<std::int64_t>(
          on.core().submit_data(id, std::as_bytes(std::span(echo)), false));
    }
    void on_finish() override { on.core().finish(id); }
    void on_writable() override {}
    void on_reset(protocol::reset_reason, bool) override { on.drop(id); }
    void on_link_lost(bool) override {}
    void on_notice(const protocol::notice_frame&) override {}
    void on_checkpoint(const checkpoint_frame& from) override {
      consumed = from.consumed;
      produced = from.produced;
      owner.state = from.state;
      ++owner.continued;
    }
    void on_handoff(const protocol::handoff_frame&) override {
      ++owner.asked;
      const answer how = owner.answers;
      if (how == answer::stay_silent) return void(is_asked = true);
      if (how == answer::cut) return on.close({});
      if (how == answer::decline) {
        on.core().reset(id, protocol::reset_reason::moved);
        return on.drop(id);
      }
      give_up(how);
    }
    void give_up(answer how) {
      const std::string text = "state of " + owner.name_;
      checkpoint_frame last;
      last.stream = id;
      last.consumed = consumed + (how == answer::lie ? 1 : 0);
      last.produced = produced;
      last.state = text;
      last.unread = unread;
      last.last = true;
      on.core().submit_checkpoint(last);
      on.drop(id);
    }

    giving_backend& owner;
    link& on;
    const protocol::stream_id id;
    std::int64_t consumed = 0;
    std::int64_t produced = 0;
    std::string unread;
    bool is_asked = false;  // and has not answered
  };

  struct link final : protocol::mux_link {
    link(giving_backend& owner_, protocol::link_socket socket, const protocol::mux_options& options)
        : mux_link(std::move(socket), options), owner(owner_) {}
    void on_ready(const protocol::hello_frame&) override {}
    protocol::stream_handler* on_open(protocol::stream_id id,
                                      const protocol::open_frame& open) override {
      if (owner.refuses) {
        core().refuse({id, protocol::refuse_reason::denied, {}, {}});
        return nullptr;
      }
      if (open.continued) {
        owner.node = open.continued->node;
        owner.key = open.key;
        owner.server_name = open.tls.server_name;
      }
      auto& made = streams[id.value];
      made = std::make_unique<stream>(owner, *this, id);
      if (open.continued && owner.cuts_opened) {
        ++owner.cut;
        asio::post(owner.io_, [this, self = shared_from_this()] { close({}); });
        return made.get();
      }
      core().accept(id);
      return made.get();
    }
    void on_go_away(const protocol::go_away_frame&) override {}
    void on_can_open() override {}
    void on_closed(boost::system::error_code) override { streams.clear(); }
    // Not from inside its own call.
    void drop(protocol::stream_id id) {
      core().release(id);
      asio::post(owner.io_, [this, id, self = shared_from_this()] { streams.erase(id.value); });
    }
    giving_backend& owner;
    std::map<std::int64_t, std::unique_ptr<stream>> streams;
  };

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, protocol::link_socket socket) {
      if (error) return;
      protocol::mux_options options;
      options.hello.role = protocol::link_role::backend;
      options.hello.node = name_;
      if (has_feature_) options.hello.features = protocol::features::handoff;
      links_.push_back(std::make_shared<link>(*this, std::move(socket), options));
      links_.back()->start();
      accept();
    });
  }

  const std::string name_;
  const bool has_feature_;
  asio::io_context io_{1};
  asio::basic_socket_acceptor<asio::ip::tcp, protocol::link_executor> acceptor_;
  std::vector<std::shared_ptr<link>> links_;
  std::thread thread_;
};

class WorkerHandoff : public ::testing::Test {
 protected:
  WorkerHandoff() {
    settings.tls.certificate = files.folder() / "tls.pem";
    settings.tls.private_key = files.folder() / "tls.key";
    settings.moves.left_grace = {};
  }
  ~WorkerHandoff() override {
    if (!serving) return;
    // Its clients have gone: it ends as soon as it has seen that.
    serving->post_shut_down(std::chrono::seconds(20));
    serving->join();
    for (std::size_t i = 0; i <= static_cast<std::size_t>(client_phase::closing); ++i)
      EXPECT_EQ(serving->metrics().clients_open.at_index(i).value(), 0) << i;
    EXPECT_EQ(serving->metrics().streams_open.value(), 0);
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
                             .paces = {.closes = moves_per_second_default, .handoffs = 1'000},
                             .held_bytes_max = 1'024 * 1'024};
    serving = std::make_unique<worker>(setup, std::move(*socket));
    serving->start("worker 0", {[] {}, [] {}});
    serving->post_listen();
    set_map(shard_router::backend_state::up, shard_router::backend_state::draining);
  }

  void set_map(shard_router::backend_state first, shard_router::backend_state second) {
    serving->post_map(std::make_shared<shard_router::shard_map>(
        ++epoch, std::vector{a->entry(first), b->entry(second)}));
  }
  // Everybody belongs to b.
  void move_to_b() {
    set_map(shard_router::backend_state::draining, shard_router::backend_state::up);
  }

  std::unique_ptr<tls_peer> served() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(descriptor, address.data(), static_cast<socklen_t>(address.size())), 0);
    auto one = std::make_unique<tls_peer>(descriptor, TLS1_3_VERSION);
    EXPECT_TRUE(one->handshake_blocking());
    EXPECT_TRUE(one->write_blocking(packet));
    if (a->reads) {
      EXPECT_EQ(one->read_blocking(2 + packet.size()), "a:" + packet);
    }
    EXPECT_TRUE(eventually(
        [&] { return serving->metrics().clients_open[client_phase::relaying].value() == 1; }));
    return one;
  }
  std::uint64_t handoffs(handoff_result result) const {
    return serving->metrics().handoffs[result].value();
  }
  std::uint64_t moves() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < move_cause_names.size(); ++i)
      sum += serving->metrics().moves.at_index(i).value();
    return sum;
  }
  // It fails, and the client is closed as one that is moved: cleanly, in its turn.
  void expect_closed_as_today(tls_peer& client, handoff_result why) {
    EXPECT_EQ(client.read_blocking(1), "");
    EXPECT_TRUE(client.is_finished_by_peer());
    EXPECT_EQ(handoffs(why), 1U) << name_of(why);
    EXPECT_EQ(serving->metrics().closes[close_reason::stream_moved].value(), 1U);
    EXPECT_EQ(moves(), 1U) << "once, whatever became of the handoff";
    EXPECT_EQ(serving->metrics().moves[move_cause::drained].value(), 1U);
    client.close_descriptor();
  }

  config_files files;
  config settings;
  ticket_ring_ptr tickets = make_random_ring();
  std::optional<giving_backend> a{"a"};
  std::optional<giving_backend> b{"b"};
  const std::string packet = packet_of("couple-0");
  tcp_endpoint address;
  std::int64_t epoch = 0;
  std::unique_ptr<worker> serving;
};

TEST_F(WorkerHandoff, ChangesTheBackendAndTheClientDoesNotNotice) {
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return handoffs(handoff_result::done) == 1; }));
  EXPECT_EQ(b->state, "state of a");
  EXPECT_EQ(b->node, "a");
  EXPECT_EQ(b->key, "couple-0");
  ASSERT_TRUE(client->write_blocking("hello"));
  EXPECT_EQ(client->read_blocking(7), "b:hello");
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; }));

  set_map(shard_router::backend_state::up, shard_router::backend_state::draining);
  ASSERT_TRUE(eventually([&] { return handoffs(handoff_result::done) == 2; }));
  ASSERT_TRUE(client->write_blocking("again"));
  EXPECT_EQ(client->read_blocking(7), "a:again");
  EXPECT_EQ(serving->metrics().closes[close_reason::stream_moved].value(), 0U);
  EXPECT_EQ(serving->metrics().moves[move_cause::drained].value(), 2U);
  EXPECT_EQ(moves(), 2U);
}

TEST_F(WorkerHandoff, TakesWhatTheOldBackendHadNotReadToTheNewOne) {
  a->reads = false;
  start();
  auto client = served();
  move_to_b();
  EXPECT_EQ(client->read_blocking(2 + packet.size()), "b:" + packet);
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::done) == 1; }));
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatDeclines) {
  a->answers = answer::decline;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::declined);
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatDoesNotAnswer) {
  settings.moves.handoff_deadline = std::chrono::milliseconds(200);
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::deadline);
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; })) << "it was reset";
}

TEST_F(WorkerHandoff, ClosesTheClientOfABackendThatHasLostItsPlace) {
  a->answers = answer::lie;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::position_mismatch) == 1; }));
  client->read_blocking(1);
  EXPECT_EQ(serving->metrics().closes[close_reason::backend_violation].value(), 1U);
}

TEST_F(WorkerHandoff, ClosesTheClientWhoseOldBackendDiesMeanwhile) {
  a->answers = answer::cut;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::link_lost) == 1; }));
  client->read_blocking(1);
  EXPECT_EQ(serving->metrics().closes[close_reason::link_lost].value(), 1U);
}

TEST_F(WorkerHandoff, ClosesTheClientWhomTheNewOwnerRefuses) {
  b->refuses = true;
  start();
  auto client = served();
  move_to_b();
  expect_closed_as_today(*client, handoff_result::refused);
}

// It may have accepted: state and unread bytes are given to nobody else.
TEST_F(WorkerHandoff, OpensTheStreamNowhereElseWhenTheNewOwnersLinkBreaks) {
  a->reads = false;
  b->cuts_opened = true;
  start();
  auto client = served();
  move_to_b();
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::link_lost) == 1; }));
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_EQ(serving->metrics().closes[close_reason::link_lost].value(), 1U);
  EXPECT_EQ(b->cut, 1);
  client->close_descriptor();
}

TEST_F(WorkerHandoff, AsksNobodyWhenOneOfTheTwoCannot) {
  b.emplace("b", false);
  start();
  auto client = served();
  // Its link is up, and has said what it can.
  ASSERT_TRUE(eventually([&] { return serving->metrics().links_up.value() == 2; }));
  move_to_b();
  expect_closed_as_today(*client, handoff_result::no_feature);
  EXPECT_EQ(a->asked, 0);
}

TEST_F(WorkerHandoff, OpensTheStreamWhereTheMapOfThatMomentSays) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  set_map(shard_router::backend_state::up, shard_router::backend_state::draining);
  ASSERT_TRUE(eventually([&] { return serving->metrics().map_epoch.value() == epoch; }));
  a->answer_late();
  ASSERT_TRUE(eventually([&] { return handoffs(handoff_result::done) == 1; }));
  ASSERT_TRUE(client->write_blocking("hello"));
  EXPECT_EQ(client->read_blocking(7), "a:hello");
  EXPECT_EQ(b->continued, 0);
}

TEST_F(WorkerHandoff, ClosesTheClientWhoseKeyNobodyOwnsAnyMore) {
  settings.upstream.opening_timeout = std::chrono::milliseconds(200);
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  set_map(shard_router::backend_state::draining, shard_router::backend_state::draining);
  ASSERT_TRUE(eventually([&] { return serving->metrics().map_epoch.value() == epoch; }));
  a->answer_late();
  expect_closed_as_today(*client, handoff_result::no_owner);
}

TEST_F(WorkerHandoff, ForgetsAClientThatLeavesMeanwhile) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  const linger at_once{1, 0};
  ::setsockopt(client->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client->close_descriptor();
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::client_left) == 1; }));
  EXPECT_TRUE(eventually([&] { return a->streams_now == 0; }));
}

TEST_F(WorkerHandoff, TakesTheEndOfAClientThatFinishesMeanwhileToTheNewBackend) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  ASSERT_TRUE(client->write_blocking("bye"));
  client->finish();
  client->push();
  a->answer_late();
  EXPECT_EQ(client->read_blocking(5), "b:bye");
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
  EXPECT_EQ(handoffs(handoff_result::done), 1U);
}

TEST_F(WorkerHandoff, EndsCleanlyWhenTheGatewayEndsMeanwhile) {
  a->answers = answer::stay_silent;
  start();
  auto client = served();
  move_to_b();
  ASSERT_TRUE(eventually([&] { return a->asked == 1; }));
  serving->post_shut_down(std::chrono::seconds(20));
  EXPECT_EQ(client->read_blocking(1), "");
  EXPECT_TRUE(client->is_finished_by_peer());
  client->close_descriptor();
  EXPECT_TRUE(eventually([&] { return handoffs(handoff_result::shutting_down) == 1; }));
}

}  // namespace
}  // namespace presenter::gateway
