// A backend and a tiny gateway in one io_context, over a real link: what the tests of the SDK
// share.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "protocol/transport/mux_link.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::protocol::test {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
inline constexpr std::size_t window = limits::stream_window_bytes_default;

using tests::run_until;
using tests::run_until_quiet;

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Text of which every part is different, so that a lost or doubled byte shows.
inline std::string pattern(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i)
    text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

class test_gateway;

// The gateway's end of one stream, writing all it is given as credit comes.
class gateway_stream final : public stream_handler {
 public:
  explicit gateway_stream(test_gateway& gateway) : gateway_(gateway) {}

  void send(std::string_view text) {
    unsent_ += text;
    pump();
  }
  void finish() {
    finish_after_ = true;
    pump();
  }
  void reset(reset_reason reason);
  void consume_all();

  stream_id id;
  bool grants_credit = true;  // consumes at once what comes
  std::string received;
  std::size_t unconsumed = 0;
  bool last_more = false;
  bool accepted = false;
  bool finished = false;
  bool link_lost = false;
  std::optional<refuse_frame> refusal;
  std::optional<reset_reason> was_reset;
  // What Checkpoints brought: the newest, without its views; all unread bytes.
  std::optional<checkpoint_frame> checkpoint;
  std::string state;
  std::string unread;
  std::size_t checkpoints = 0;
  std::size_t unsent() const { return unsent_.size(); }
  bool is_given_up() const { return checkpoint && checkpoint->last; }
  bool is_over() const { return link_lost || refusal || was_reset || is_given_up(); }

 private:
  friend class test_gateway;
  void pump();
  void release_if_over();
  void on_accepted() override { accepted = true; }
  void on_refused(const refuse_frame& frame) override;
  void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override {
    finished = true;
    release_if_over();
  }
  void on_writable() override { pump(); }
  void on_reset(reset_reason reason, bool by_peer) override;
  void on_checkpoint(const checkpoint_frame& frame) override;
  void on_handoff(const handoff_frame&) override {}
  void on_notice(const notice_frame&) override {}
  void on_link_lost(bool) override { link_lost = true; }

  test_gateway& gateway_;
  std::string unsent_;
  bool finish_after_ = false;
  bool finish_sent_ = false;
};

class test_gateway final : public mux_link {
 public:
  // Largest deposit it takes.
  static constexpr std::int32_t deposit_bytes_max = 256;

  explicit test_gateway(link_socket socket,
                        std::int64_t link_window = limits::link_window_bytes_default)
      : mux_link(std::move(socket), options(link_window)) {}

  gateway_stream& open(const std::string& key = "couple-1", bool early_data = false) {
    open_frame open;
    gateway_stream& stream = add_stream(open, key, early_data);
    stream.id = core().open(open, stream);
    return stream;
  }

  // Goes on where the Checkpoints of `from` ended; what was unread is sent again.
  gateway_stream& open_continued(const gateway_stream& from,
                                 continue_cause cause = continue_cause::rebalanced) {
    open_frame open;
    gateway_stream& stream = add_stream(open, "couple-1", false);
    open.continued = continued_from{cause, "before"};
    checkpoint_frame checkpoint = *from.checkpoint;
    checkpoint.state = from.state;
    stream.id = core().open_continued(open, checkpoint, stream);
    stream.finished = checkpoint.finished;
    stream.send(from.unread + from.unsent_);
    if (from.finish_after_) stream.finish();
    return stream;
  }

  void hand_off(const gateway_stream& stream) {
    core().hand_off(stream.id, handoff_reason::draining, 8, std::chrono::seconds(5));
  }

  bool ready = false;
  bool going_away = false;
  bool closed = false;
  error_code reason;

 private:
  gateway_stream& add_stream(open_frame& open, const std::string& key, bool early_data) {
    open.key = key;
    open.map_epoch = 7;
    open.client_address = "192.0.2.1";
    open.client_port = 40'000;
    open.tls.version = "TLSv1.3";
    open.tag = "gw1/" + key;
    open.early_data = early_data;
    return *streams_.emplace_back(std::make_unique<gateway_stream>(*this));
  }

  static mux_options options(std::int64_t link_window) {
    mux_options all;
    all.hello.role = link_role::gateway;
    all.hello.node = "gateway";
    all.hello.features = features::handoff | features::notice;
    all.hello.deposit_bytes_max = deposit_bytes_max;
    all.hello.link_window_bytes = link_window;
    return all;
  }
  void on_ready(const hello_frame&) override { ready = true; }
  stream_handler* on_open(stream_id, const open_frame&) override { return nullptr; }
  void on_go_away(const go_away_frame&) override { going_away = true; }
  void on_can_open() override {}
  void on_closed(error_code why) override {
    closed = true;
    reason = why;
  }

  std::vector<std::unique_ptr<gateway_stream>> streams_;
};

inline void gateway_stream::pump() {
  mux_core& core = gateway_.core();
  while (!unsent_.empty()) {
    const std::size_t n = core.submit_data(id, as_bytes(unsent_), false);
    if (n == 0) return core.wait_writable(id);
    unsent_.erase(0, n);
  }
  if (is_given_up()) return;
  if (finish_after_ && !std::exchange(finish_sent_, true)) core.finish(id);
  release_if_over();
}

inline void gateway_stream::release_if_over() {
  if (finished && finish_sent_) gateway_.core().release(id);
}

inline void gateway_stream::reset(reset_reason reason) {
  gateway_.core().reset(id, reason);
  gateway_.core().release(id);
}

inline void gateway_stream::consume_all() {
  gateway_.core().consumed(id, std::exchange(unconsumed, 0));
}

inline void gateway_stream::on_refused(const refuse_frame& frame) {
  refusal = frame;
  gateway_.core().release(id);
}

inline void gateway_stream::on_data(std::span<const std::byte> payload, bool more) {
  received.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  unconsumed += payload.size();
  last_more = more;
  if (grants_credit) consume_all();
}

inline void gateway_stream::on_reset(reset_reason reason, bool) {
  was_reset = reason;
  gateway_.core().release(id);
}

inline void gateway_stream::on_checkpoint(const checkpoint_frame& frame) {
  ++checkpoints;
  checkpoint = frame;
  checkpoint->state = checkpoint->unread = {};
  if (!frame.state.empty() || frame.last) state = frame.state;
  unread += frame.unread;
  if (frame.last) gateway_.core().release(id);
}

// One acceptor, one gateway with one link to it.
class sdk_fixture : public ::testing::Test {
 protected:
  ~sdk_fixture() override {
    if (gateway) gateway->close({});
    acceptor.reset();
    run_until_quiet(io);
  }

  // Listens, and connects the gateway.
  void start(acceptor_options options = {}) {
    options.node = "backend";
    acceptor.emplace(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0), std::move(options));
    gateway = connect();
    ASSERT_TRUE(run_until(io, [&] { return gateway->ready; }));
  }

  std::shared_ptr<test_gateway> connect(
      std::int64_t link_window = limits::link_window_bytes_default) {
    link_socket socket(io.get_executor());
    socket.connect(acceptor->local_endpoint());
    auto link = std::make_shared<test_gateway>(std::move(socket), link_window);
    link->start();
    return link;
  }

  mux_stream accept() {
    std::optional<mux_stream> result;
    acceptor->async_accept([&](error_code error, mux_stream stream) {
      EXPECT_FALSE(error) << error.message();
      result = std::move(stream);
    });
    EXPECT_TRUE(run_until(io, [&] { return result.has_value(); }));
    return std::move(*result);
  }

  // What an operation ended with.
  struct outcome {
    bool done = false;
    error_code error;
    std::size_t bytes = 0;
  };
  static auto into(outcome& result) {
    return [&result](error_code error, std::size_t n) { result = {true, error, n}; };
  }
  outcome wait(outcome& result) {
    EXPECT_TRUE(run_until(io, [&] { return result.done; }));
    return result;
  }

  outcome read_some(mux_stream& stream, std::string& text, std::size_t size) {
    text.resize(size);
    outcome result;
    stream.async_read_some(asio::buffer(text), into(result));
    wait(result);
    text.resize(result.bytes);
    return result;
  }

  outcome write_some(mux_stream& stream, std::string_view text) {
    outcome result;
    stream.async_write_some(asio::buffer(text), into(result));
    return wait(result);
  }

  asio::io_context io;
  std::optional<mux_acceptor> acceptor;
  std::shared_ptr<test_gateway> gateway;
};

}  // namespace presenter::protocol::test
