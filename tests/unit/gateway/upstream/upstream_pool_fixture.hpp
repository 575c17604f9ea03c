// A pool and real backends of the SDK, all in one io_context over loopback.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/upstream/upstream_pool.hpp"
#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::gateway {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

// One server that accepts every stream and holds it.
struct backend {
  // A name in its Hello is one that the map must have as well.
  explicit backend(asio::io_context& io, std::uint16_t port = 0, std::int32_t streams_max = 1'000,
                   std::string name = {}) {
    protocol::acceptor_options options;
    options.node = std::move(name);
    options.streams_open_max = streams_max;
    acceptor.emplace(io, tcp::endpoint(asio::ip::address_v4::loopback(), port), options);
    accept_next();
  }
  void accept_next() {
    acceptor->async_accept([this](error_code error, protocol::mux_stream stream) {
      if (error) return;
      streams.push_back(std::move(stream));
      accept_next();
    });
  }
  std::uint16_t port() const { return acceptor->local_endpoint().port(); }

  std::optional<protocol::mux_acceptor> acceptor;
  std::vector<protocol::mux_stream> streams;
};

// The gateway's side of one stream.
struct stream final : protocol::stream_handler {
  ~stream() { release(); }
  void release() {
    if (link != nullptr) std::exchange(link, nullptr)->release(id);
  }
  void on_accepted() override { accepted = true; }
  void on_refused(const protocol::refuse_frame&) override { release(); }
  void on_data(std::span<const std::byte>, bool) override {}
  void on_finish() override {}
  void on_writable() override {}
  void on_reset(protocol::reset_reason, bool) override { release(); }
  void on_checkpoint(const protocol::checkpoint_frame&) override {}
  void on_handoff(const protocol::handoff_frame&) override {}
  void on_notice(const protocol::notice_frame&) override {}
  void on_link_lost(bool) override {
    lost = true;
    release();
    if (when_lost) when_lost();
  }

  std::shared_ptr<protocol::mux_core> link;
  protocol::stream_id id;
  bool accepted = false;
  bool lost = false;
  std::function<void()> when_lost;
};

class UpstreamPool : public ::testing::Test {
 protected:
  UpstreamPool() { settings.moves.left_grace = std::chrono::seconds(0); }

  void start(std::size_t links = 1) {
    settings.upstream.links_per_worker = links;
    polls.start();
    pool.emplace(
        io, settings, "gw", metrics, thread, protocol::link_loop{polls, output},
        [this] { ++gulps; }, [this] { ++reachable; },
        [this](const shard_router::backend_entry& of, bool is_up) {
          (is_up ? up : refused).push_back(of.name);
        });
  }

  ~UpstreamPool() override {
    streams.clear();
    if (!pool) return;
    pool->shut_down(std::chrono::milliseconds(100));
    EXPECT_TRUE(run_until([&] { return pool->is_empty(); }));
    EXPECT_EQ(metrics.links_up.value(), 0);
  }

  ::testing::AssertionResult run_until(const std::function<bool()>& done) {
    return tests::run_until(io, [&] {
      if (pool) pool->sweep();
      return done();
    });
  }

  // The map has `only`, as "a", and all links to it are up.
  void link_up(const backend& only, std::size_t links = 1) {
    start(links);
    set_map({{"a", only.port()}});
    ASSERT_TRUE(run_until([&] { return is_up(links); }));
  }

  void set_map(std::initializer_list<std::pair<const char*, std::uint16_t>> named) {
    std::vector<shard_router::backend_entry> servers;
    for (const auto& [name, port] : named) {
      shard_router::backend_entry one;
      one.name = name;
      one.host = "127.0.0.1";
      one.port = port;
      servers.push_back(one);
    }
    pool->set_map(std::make_shared<shard_router::shard_map>(++epoch, std::move(servers)));
  }

  stream* open(const std::string& key = "k") {
    protocol::open_frame frame;
    frame.key = key;
    auto made = std::make_unique<stream>();
    last = pool->route(frame.key);
    if (last.link == nullptr) return nullptr;
    made->link = std::move(last.link);
    made->id = made->link->open(std::move(frame), *made);
    streams.push_back(std::move(made));
    return streams.back().get();
  }

  bool is_up(std::size_t links) const {
    std::size_t up = 0;
    for (const auto& [name, use] : pool->uses())
      up += use.links_up;
    return up == links;
  }

  asio::io_context io{1};
  config settings;
  worker_metrics metrics;
  worker_thread thread;
  poller polls{io};
  protocol::output_batch output{
      [this] { asio::post(io, [this] { const protocol::output_batch::scope flushed(output); }); }};
  std::optional<upstream_pool> pool;
  std::vector<std::unique_ptr<stream>> streams;
  upstream_pool::upstream_route last;
  std::int64_t epoch = 0;
  int gulps = 0;
  int reachable = 0;                     // how often it was told
  std::vector<std::string> up, refused;  // what is told of backends
};

}  // namespace presenter::gateway
