// Two backends that hand streams over to each other, a whole worker between them and its clients,
// and what a test of that asks them.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/worker/worker.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"
#include "tests/unit/gateway/worker/linked_backend.hpp"
#include "tests/unit/gateway/worker/worker_parts.hpp"

namespace presenter::gateway {

namespace asio = boost::asio;
using presenter::testing::tls_peer;
using protocol::checkpoint_frame;

// What a backend does when it is asked for a stream.
enum class answer {
  give_up,
  decline,
  end,  // by a Reset of another reason
  stay_silent,
  lie,          // of its position
  overstate,    // a state above the protocol's limit: no frame
  cut,          // its link
  cut_between,  // the pieces and the last Checkpoint
};

// Echoes every byte with its own mark in front of each run of them; holds back what it reads, if it
// is told so, and gives that back unread.
class giving_backend final : public linked_backend {
 public:
  // Above the one that gateways reckon with (handoff_room::bytes_at_first).
  static constexpr std::int32_t window_bytes = 4 * protocol::limits::stream_window_bytes_default;

  explicit giving_backend(std::string name, bool has_feature = true)
      : linked_backend(std::move(name), {}, has_feature, window_bytes) {
    serve();
  }
  ~giving_backend() { end(); }

  // Of those who have not answered.
  void answer_late() {
    for_each_stream([](stream& each) {
      if (std::exchange(each.is_asked, false)) each.give_up(answer::give_up);
    });
  }
  void accept_late() {
    for_each_stream([](stream& each) { each.accept(); });
  }
  void reset_streams(protocol::reset_reason reason) {
    for_each_stream([reason](stream& each) {
      each.on.core().reset(each.id, reason);
      each.on.drop(each.id);
    });
  }
  void finish_streams() {
    for_each_stream([](stream& each) { each.on.core().finish(each.id); });
  }
  void close_links() {
    asio::post(io_, [this] {
      for (const auto& each : links_)
        each->close({});
    });
  }
  void lose_the_feature() {
    asio::post(io_, [this] { set_feature(false); });
    close_links();
  }
  // Links that wait since `holds_links`.
  void start_links() {
    asio::post(io_, [this] {
      holds_links = false;
      for (auto& each : std::exchange(held_, {}))
        each->start();
    });
  }

  std::atomic<answer> answers{answer::give_up};
  std::atomic<int> refuses{0};  // so many Opens, for this reason
  std::atomic<protocol::refuse_reason> refusal{protocol::refuse_reason::denied};
  std::atomic<std::int64_t> refusal_epoch{0};
  std::atomic<bool> accepts{true};
  std::atomic<bool> finishes_back{true};  // when the client has
  std::atomic<bool> holds_links{false};   // they say nothing
  std::atomic<bool> cuts_opened{false};   // its link, when a stream is to go on here
  std::atomic<bool> reads{true};
  std::atomic<int> asked{0};
  std::atomic<int> continued{0};
  std::atomic<int> cut{0};
  std::atomic<int> opened{0};    // Opens that were not refused
  std::atomic<int> finished{0};  // streams whose client has finished
  std::atomic<int> streams_now{0};
  // Of the last stream that went on here; read after `continued`.
  std::string state, node, key, server_name;
  bool is_continued_finished = false;  // by this side

 private:
  struct stream final : linked_stream {
    stream(giving_backend& owner_, link& on_, protocol::stream_id id_)
        : linked_stream(on_, id_), owner(owner_) {
      ++owner.streams_now;
    }
    ~stream() override { --owner.streams_now; }
    void on_data(std::span<const std::byte> payload, bool) override {
      unread.append(reinterpret_cast<const char*>(payload.data()), payload.size());
      if (owner.reads && is_accepted) echo();
    }
    void echo() {
      const std::string text = std::exchange(unread, {});
      if (text.empty()) return;
      on.core().consumed(id, text.size());
      consumed += static_cast<std::int64_t>(text.size());
      // What the gateway gives no credit for is left out.
      const std::string echo = owner.name_ + ":" + text;
      auto left = std::as_bytes(std::span(echo));
      while (const std::size_t n = on.core().submit_data(id, left, false)) {
        produced += static_cast<std::int64_t>(n);
        left = left.subspan(n);
      }
    }
    void accept() {
      if (std::exchange(is_accepted, true)) return;
      on.core().accept(id);
      if (owner.reads) echo();
      if (is_client_finished) on_finish();
    }
    void on_finish() override {
      if (!std::exchange(is_client_finished, true)) ++owner.finished;
      if (owner.finishes_back && is_accepted) on.core().finish(id);
    }
    void on_checkpoint(const checkpoint_frame& from) override {
      consumed = from.consumed;
      produced = from.produced;
      owner.state = from.state;
      owner.is_continued_finished = from.finished;
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
      if (how == answer::end) {
        on.core().reset(id, protocol::reset_reason::cancelled);
        return on.drop(id);
      }
      give_up(how);
    }
    // As much of what was not read as goes in front of the last Checkpoint.
    void give_pieces() {
      while (unread.size() > protocol::limits::data_bytes_max / 2) {
        checkpoint_frame piece;
        piece.stream = id;
        piece.consumed = consumed;
        piece.produced = produced;
        const std::string first = unread.substr(0, protocol::limits::data_bytes_max / 2);
        piece.unread = first;
        ASSERT_TRUE(on.core().submit_checkpoint(piece));
        unread.erase(0, first.size());
      }
    }
    void give_up(answer how) {
      const std::string text = how == answer::overstate
                                   ? std::string(protocol::limits::state_bytes_max + 1, 's')
                                   : "state of " + owner.name_;
      give_pieces();
      if (how == answer::cut_between) {
        return void(asio::post(owner.io_, [&link = on, self = on.shared_from_this()] {
          link.close_after_output(std::chrono::seconds(10));
        }));
      }
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
    std::int64_t consumed = 0;
    std::int64_t produced = 0;
    std::string unread;
    bool is_accepted = false;
    bool is_client_finished = false;
    bool is_asked = false;  // and has not answered
  };

  protocol::stream_handler* on_open(link& on, protocol::stream_id id,
                                    const protocol::open_frame& open) override {
    if (refuses > 0) {
      --refuses;
      const std::int64_t newer = refusal_epoch;
      on.core().refuse({id, refusal, newer == 0 ? std::nullopt : std::optional(newer), {}});
      return nullptr;
    }
    ++opened;
    if (open.continued) {
      node = open.continued->node;
      key = open.key;
      server_name = open.tls.server_name;
    }
    stream& made = on.keep<stream>(id, *this, on, id);
    if (open.continued && cuts_opened) {
      ++cut;
      asio::post(io_, [&on, self = on.shared_from_this()] { on.close({}); });
      return &made;
    }
    if (accepts) made.accept();
    return &made;
  }
  void on_link(const std::shared_ptr<link>& made) override {
    if (holds_links) {
      held_.push_back(made);
    } else {
      made->start();
    }
  }
  void for_each_stream(std::function<void(stream&)> visit) {
    asio::post(io_, [this, visit = std::move(visit)] {
      for (const auto& each : links_) {
        // One that ends is erased later.
        for (const auto& [id, handler] : each->streams)
          visit(static_cast<stream&>(*handler));
      }
    });
  }

  std::vector<std::shared_ptr<link>> held_;
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
                             .held_bytes_max = held_bytes_max};
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
    if (receive_buffer != 0) {
      ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
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
  const counter& handoffs(handoff_result result) const {
    return serving->metrics().handoffs[result];
  }
  const counter& closes(close_reason reason) const { return serving->metrics().closes[reason]; }
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
    EXPECT_TRUE(comes_to(handoffs(why), 1)) << name_of(why);
    EXPECT_TRUE(comes_to(closes(close_reason::stream_moved), 1));
    EXPECT_TRUE(comes_to(serving->metrics().moves[move_cause::drained], 1));
    EXPECT_EQ(moves(), 1U) << "once, whatever became of the handoff";
    client.close_descriptor();
  }

  config_files files;
  config settings;
  std::size_t held_bytes_max = 1'024 * 1'024;
  int receive_buffer = 0;  // of the clients' sockets
  ticket_ring_ptr tickets = make_random_ring();
  std::optional<giving_backend> a{"a"};
  std::optional<giving_backend> b{"b"};
  const std::string packet = packet_of("couple-0");
  tcp_endpoint address;
  std::int64_t epoch = 0;
  std::unique_ptr<worker> serving;
};

}  // namespace presenter::gateway
